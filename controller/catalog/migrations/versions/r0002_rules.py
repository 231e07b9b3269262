"""Settings become rules of every scope; options; what legs, segments and recordings have gained."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util.exc import CommandError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

EVERY_DIRECTION = '["external","inbound","internal","outbound"]'
#: The codes of the decisions, before and since.
CODES = {"tenant_forces": "tenant.on", "user_wants": "user.on"}

_FINAL_PROVISIONAL = ("discarded", "empty")


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))


_SAYING = [_table(name, "audio", "video") for name in ("system_settings", "tenants", "users", "rules")]
_TENANTS = _table("tenants", "audio", "video", "record_audio", "record_video")
_USERS = _table("users", "audio", "video", "mode", "record_audio", "record_video")
_RECORDINGS = _table("recordings", "rule", "provisional", "media_state", "media_error")
_DECISIONS = _table("decisions", "rule")


def _text(name: str, default: str) -> sa.Column[str]:
    # The default stays in the database. Taking it away means writing a whole table of SQLite anew,
    # and the legs may be millions; every row that we write names every column.
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def upgrade() -> None:
    for column in (_text("routes", "[]"), _text("seat", ""), _text("announced", "[]")):
        op.add_column("legs", column)
    for column in (_text("layout", "mono"), _text("far", "[]")):
        op.add_column("segments", column)
    for flag in ("provisional", "cut_pauses"):
        op.add_column("recordings", sa.Column(flag, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("recordings", sa.Column("beeped_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "rules",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("audio", sa.Text(), nullable=False),
        sa.Column("video", sa.Text(), nullable=False),
        sa.Column("directions", sa.Text(), nullable=False),
        sa.Column("sample_percent", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "scope", "name", name=op.f("pk_rules")),
    )
    for table in ("system_settings", "tenants", "users"):
        for column in (
            _text("audio", "inherit"),
            _text("video", "inherit"),
            _text("directions", EVERY_DIRECTION),
        ):
            op.add_column(table, column)
    op.add_column(
        "system_settings", sa.Column("revision", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("tenants", _text("options", "{}"))
    op.add_column("users", _text("mode", "always_pause"))
    op.add_column("users", sa.Column("sample_percent", sa.Float(), nullable=False, server_default="100"))
    # A tenant whose box was not ticked left it to its users; a user whose box was not, had it off.
    for boxes, without in ((_TENANTS, "inherit"), (_USERS, "off")):
        for kind in ("audio", "video"):
            ticked = sa.column(f"record_{kind}", sa.Boolean())
            op.execute(sa.update(boxes).values({kind: sa.case((ticked, "on"), else_=without)}))
            op.drop_column(boxes.name, f"record_{kind}")
    for before, since in CODES.items():
        for coded in (_DECISIONS, _RECORDINGS):
            op.execute(sa.update(coded).where(coded.c.rule == before).values(rule=since))


def downgrade() -> None:
    """Raises CommandError rather than make the older version record what is forbidden, or keep what
    is to be destroyed. The rules of queues, trunks and so on, and the options, are lost."""
    _refuse_if_it_would_record_too_much()
    for name in ("tenants", "users"):
        for kind in ("audio", "video"):
            op.add_column(
                name, sa.Column(f"record_{kind}", sa.Boolean(), nullable=False, server_default=sa.false())
            )
    system = _SAYING[0]
    for kind in ("audio", "video"):
        # What the system wants for everybody, each tenant has to want there.
        everybody = sa.exists().where(system.c[kind].in_(["on", "require"]))
        of_tenant, of_user = _TENANTS.c[kind], _USERS.c[kind]
        always = _USERS.c.mode.in_(["always", "always_pause"])
        for boxes, wants in (
            (_TENANTS, sa.or_(of_tenant.in_(["on", "require"]), everybody)),
            (_USERS, sa.or_(of_user == "require", sa.and_(of_user == "on", always))),
        ):
            op.execute(sa.update(boxes).values({f"record_{kind}": wants}))
    op.execute(
        sa.update(_RECORDINGS)
        .where(_RECORDINGS.c.media_state == "discarded")
        .values(media_state="empty", media_error="not kept: nobody started it before the end")
    )
    for before, since in CODES.items():
        both = [since, since.replace(".on", ".require")]
        for coded in (_DECISIONS, _RECORDINGS):
            op.execute(sa.update(coded).where(coded.c.rule.in_(both)).values(rule=before))
    op.drop_table("rules")
    for table, columns in {
        "users": ("audio", "video", "directions", "mode", "sample_percent"),
        "tenants": ("audio", "video", "directions", "options"),
        "system_settings": ("audio", "video", "directions", "revision"),
        "recordings": ("provisional", "cut_pauses", "beeped_at"),
        "segments": ("layout", "far"),
        "legs": ("routes", "seat", "announced"),
    }.items():
        for column in columns:
            op.drop_column(table, column)


def _refuse_if_it_would_record_too_much() -> None:
    connection = op.get_bind()
    for table in _SAYING:
        forbids = sa.or_(table.c.audio == "forbid", table.c.video == "forbid")
        count = connection.execute(sa.select(sa.func.count()).select_from(table).where(forbids)).scalar_one()
        if count:
            raise CommandError(
                f"{count} rule(s) in {table.name} forbid a recording, which the older version would make: "
                "set them to something else first"
            )
    r = _RECORDINGS.c
    waiting = sa.and_(r.provisional.is_(sa.true()), r.media_state.not_in(_FINAL_PROVISIONAL))
    count = connection.execute(
        sa.select(sa.func.count()).select_from(_RECORDINGS).where(waiting)
    ).scalar_one()
    if count:
        raise CommandError(
            f"{count} recording(s) on demand are still to be destroyed, which the older version would "
            "keep: let the controller finish them first"
        )
