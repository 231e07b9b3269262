"""Policies for tests in few words: who has audio or video on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.core.options import TenantOptions
from controller.core.policy import Policy
from controller.core.rules import PolicyRule, PolicyScope, Setting


def setting(on: bool) -> Setting:
    return Setting.ON if on else Setting.OFF


def tenant_rule(tenant: str, audio: bool = False, video: bool = False) -> PolicyRule:
    return PolicyRule(PolicyScope.TENANT, tenant, "", setting(audio), setting(video))


def user_rule(tenant: str, user: str, audio: bool = False, video: bool = False) -> PolicyRule:
    return PolicyRule(PolicyScope.USER, tenant, user, setting(audio), setting(video))


def policy_of(
    *rules: PolicyRule | Iterable[PolicyRule],
    external: bool = False,
    options: Mapping[str, TenantOptions] | None = None,
) -> Policy:
    flat: list[PolicyRule] = []
    for rule in rules:
        flat += [rule] if isinstance(rule, PolicyRule) else list(rule)
    return Policy(external, tuple(flat), options or {})
