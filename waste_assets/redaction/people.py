"""Who somebody is: e-mail addresses, and home directories, which hold the name of a user."""

from __future__ import annotations

import re

from waste_assets.redaction.rule import START, Rule

_EMAIL = (
    r"(?a)(?<![\w.+%-])(?P<secret>[\w.+%-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)"
    r"(?![\w-])"
)
_TOP_DOMAIN = re.compile(r"[a-z]{2,24}\Z")
# 'icon@2x.png', 'getty@tty1.service' and 'left-pad@1.3.0.tgz' are names of files.
_FILE_ENDING = re.compile(
    r"(?:png|jpe?g|gif|svg|webp|ico|avif|bmp|pdf|s?css|[mc]?js|jsx|m?ts|tsx|json|map|md|html|xml|"
    r"ya?ml|toml|lock|txt|log|py|rs|go|rb|java|kt|swift|php|sh|t?gz|tar|zip|whl|plist|"
    r"service|socket|timer|target|mount|slice|local|internal|localhost|test|invalid)\Z"
)
# 'postgresql@14.plist'; mail goes to 163.com too.
_VERSION = re.compile(r"@\d{1,2}\.")
# They stand in every remote and in every commit, and name nobody.
_NOBODY = frozenset(("git", "noreply", "no-reply", "hg", "svn"))
_RESERVED = re.compile(
    r"@(?:[\w-]+\.)*example(?:\.(?:com|org|net|edu))?\Z", re.ASCII | re.IGNORECASE
)


def _is_somebody(address: str) -> bool:
    local, _, domain = address.lower().partition("@")
    return (
        local not in _NOBODY
        and _TOP_DOMAIN.match(domain.rpartition(".")[2]) is not None
        and not _FILE_ENDING.match(domain.rpartition(".")[2])
        and not _VERSION.search(address)
        and not _RESERVED.search(address)
    )


_USER = r"""(?!Shared\b|Public\b)[^\s/\\"'`:;,<>|()\[\]{}&$*?=!…%#~]{1,64}"""
# Where an absolute path starts: 'src/home/' and 'site.com/home/' are no home directories.
_UNIX_HOME = (
    r"(?a)/(?:(?<![\w.~/\\})-]/)|(?<=file:///)|(?<=[ =]-[A-Z]/)|(?<=\\[nrt]/)"
    r"|(?<=\[\dm/)|(?<=\[\d\dm/))"
    r"(?:(?:var|usr|export|System/Volumes/Data|mnt/[a-z]|cygdrive/[a-z]|[a-z])/)?"
    rf"(?:home|Users)/{_USER}"
)
# With backslashes or, in texts of programs, two or four of them; names may hold blanks.
_WINDOWS_HOME = (
    rf"(?ai){START}[A-Z]:[\\/]{{1,4}}(?:Users|Documents and Settings)[\\/]{{1,4}}"
    rf"(?:(?!Public\b|Default\b)[^\\/:*?\"'`<>|\r\n$%]{{1,40}}(?=[\\/])|{_USER})"
)
# Claude Code names the folder of a project by its path, with '-' for what is no letter.
_CODED_HOME = r"(?a)(?:(?<![\w-])(?:-|[A-Za-z]--)Users|(?<=[/\\\"'`])-home)-[A-Za-z0-9]{1,64}"

RULES = (
    Rule("email", ("@",), _EMAIL, _is_somebody),
    Rule("home", ("/home/", "/users/"), _UNIX_HOME, replacement="~"),
    Rule("home", ("\\users", ":/users", "documents and settings"), _WINDOWS_HOME, replacement="~"),
    Rule("home", ("-users-", "-home-"), _CODED_HOME, replacement="-~"),
)
