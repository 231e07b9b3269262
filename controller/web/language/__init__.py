"""The pages' languages: which one is meant, its catalog, and how our own sentences are known again.

Texts stand in English where they are used (``_("…")`` in templates and Python, ``t("…")`` in scripts); a
language is one PO file in ``web/locales``. docs/reference/languages.md says how one is added.
"""

from .catalogs import LANGUAGES, Language, language_of
from .current import N_, _, language, ngettext, switch_to, tr

__all__ = ["LANGUAGES", "N_", "Language", "_", "language", "language_of", "ngettext", "switch_to", "tr"]
