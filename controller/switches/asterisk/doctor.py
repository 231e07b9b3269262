"""tmp"""


async def examine(config, now):
    return []
