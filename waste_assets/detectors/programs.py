"""What programs do when they are run in the ordinary way, as tables.

A program that is in none of them may change anything; shell_effects.py knows those where the
options decide.
"""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Programs that only look, or only talk.
LOOKS = _set(
    """ls dir pwd echo printf which whereis type command test [ [[ true false : wc file stat du df
    tree grep egrep fgrep zgrep rg ag ack diff cmp comm uniq cut tr jq basename dirname realpath
    readlink whoami id uname hostname printenv seq expr md5 md5sum sha1sum sha256sum shasum xxd od
    strings hexdump column paste fold rev tac man help cloc tokei scc bc base64 numfmt fmt sort
    get-childitem gci get-location gl select-string sls test-path get-item select-object select
    where-object where foreach-object sort-object measure-object format-table ft format-list fl
    write-output write-host resolve-path get-command gcm join-path split-path out-string out-null
    out-host convertfrom-json convertto-json compare-object get-help get-member get-acl
    get-filehash"""
)
#: What they print says nothing of the world.
SILENT = _set(
    """echo printf cd chdir set-location pushd popd true false : export set unset read sleep
    write-output write-host test [ [["""
)
#: They set something in the shell itself, which the next call does not see.
SHELL_STATE = _set(
    """export set unset shopt setopt alias unalias declare typeset local readonly let read return
    exit break continue wait shift trap ulimit umask hash pushd popd disown bg fg jobs
    set-strictmode set-executionpolicy"""
)
#: What they show changes by itself.
VOLATILE = _set(
    """date sleep ps top htop pgrep lsof netstat ss ping dig nslookup host uptime free vmstat iostat
    nc journalctl nvidia-smi watch time-sync get-process get-date start-sleep get-service
    test-netconnection diskutil"""
)
#: They change something, but no file of the work.
STATE = _set(
    """kill pkill killall chmod chown chgrp ssh open xdg-open pbcopy launchctl systemctl service
    stop-process start-process docker docker-compose podman kubectl helm aws gcloud az fly heroku
    vercel netlify wrangler supabase redis-cli psql mysql sqlite3 mongosh terraform ansible
    tmux screen crontab say notify-send"""
)
#: Builds, tests and checks.
BUILDS = _set(
    """pytest py.test unittest tox nox jest vitest mocha ava playwright cypress tsc vue-tsc mypy
    pyright pylint flake8 bandit ruff-lsp golangci-lint staticcheck shellcheck hadolint actionlint
    yamllint markdownlint markdownlint-cli2 vale eslint tslint oxlint biome stylelint htmlhint
    cmake ninja meson make gcc g++ clang javac kotlinc ctest phpunit phpstan psalm rspec rubocop
    detekt ktlint swiftlint xcodebuild webpack vite rollup esbuild tsup next astro nuxt turbo nx
    lerna bazel buck gradle gradlew mvn mvnw ant sbt lein rake rails mix dotnet msbuild swift
    cargo-nextest knip depcheck publint attw size-limit lighthouse semgrep trivy codespell"""
)
#: They change files that they do not name; with an option, only then.
REWRITERS: dict[str, tuple[str, ...]] = {
    "prettier": ("--write", "-w"),
    "eslint": ("--fix",),
    "oxlint": ("--fix",),
    "stylelint": ("--fix",),
    "biome": ("--write", "--apply", "--fix", "--apply-unsafe"),
    "markdownlint": ("--fix", "-f"),
    "markdownlint-cli2": ("--fix",),
    "gofmt": ("-w",),
    "gofumpt": ("-w",),
    "goimports": ("-w",),
    "shfmt": ("-w",),
    "golangci-lint": ("--fix",),
    "modernize": ("-fix", "--fix"),
    "fieldalignment": ("-fix", "--fix"),
    "ktlint": ("-F", "--format"),
    "rubocop": ("-a", "-A", "--autocorrect", "--autocorrect-all", "--fix"),
    "clang-format": ("-i",),
    "autopep8": ("-i", "--in-place"),
    "autoflake": ("-i", "--in-place"),
    "yapf": ("-i", "--in-place"),
    "codespell": ("-w",),
    "buf": ("-w",),
    "swiftlint": ("--fix", "--autocorrect"),
    "typos": ("--write-changes", "-w"),
    "php-cs-fixer": ("fix",),
    "jscodeshift": (),
    "pyupgrade": (),
    "swiftformat": (),
    "lint-staged": (),
    "pre-commit": (),
    "lefthook": (),
    "patch": (),
    "ed": (),
    "ex": (),
    "protoc": (),
    "sqlc": (),
    "openapi-generator": (),
    "graphql-codegen": (),
    "plop": (),
}
#: They change the files that they name, unless they are told to check only.
FORMATTERS = {
    "black": ("--check", "--diff"),
    "isort": ("--check", "--check-only", "--diff", "-c"),
    "rustfmt": ("--check",),
    "scalafmt": ("--check", "--test"),
    "dart format": ("--output=none",),
    "ruff format": ("--check", "--diff"),
    "cargo fmt": ("--check",),
    "mix format": ("--check-formatted",),
    "dotnet format": ("--verify-no-changes",),
    "terraform fmt": ("-check",),
    "dprint fmt": (),
    "deno fmt": ("--check",),
    "go fmt": (),
    "swift format": ("lint",),
    "zig fmt": ("--check",),
}
#: They write the paths that they are given.
WRITERS = _set(
    """rm rmdir mkdir touch unlink shred truncate tee sponge mv cp install ln rsync scp unzip split
    remove-item del erase rd md rename-item move-item copy-item new-item set-content add-content
    clear-content out-file tee-object"""
)
#: Words before the command proper: options that take a value.
WRAPPERS: dict[str, frozenset[str]] = {
    "sudo": frozenset(["-u", "-g", "-C"]),
    "doas": frozenset(["-u"]),
    "env": frozenset(["-u", "-C"]),
    "nice": frozenset(["-n"]),
    "ionice": frozenset(["-c", "-n", "-p"]),
    "nohup": frozenset(),
    "stdbuf": frozenset(["-i", "-o", "-e"]),
    "timeout": frozenset(["-s", "-k", "--signal", "--kill-after"]),
    "gtimeout": frozenset(["-s", "-k"]),
    "command": frozenset(),
    "builtin": frozenset(),
    "exec": frozenset(["-a"]),
    "time": frozenset(["-f", "-o"]),
    "xvfb-run": frozenset(["-s"]),
    "caffeinate": frozenset(["-t"]),
    "wsl": frozenset(["-d", "-u", "--cd", "--distribution", "--user"]),
    "rtk": frozenset(),
    "npx": frozenset(["-p", "--package", "-c"]),
    "bunx": frozenset(["-p", "--package"]),
    "pnpx": frozenset(),
    "uvx": frozenset(["--from", "--with", "-p", "--python"]),
    "pipx": frozenset(),
    "dotenv": frozenset(["-e", "-f"]),
    "cross-env": frozenset(),
}
#: Runners of a project's own tasks: what the task is called says what it does.
RUNNERS: dict[str, frozenset[str]] = {
    "npm": frozenset(["-w", "--workspace", "--prefix", "-C"]),
    "pnpm": frozenset(["--filter", "-F", "-C", "--dir"]),
    "yarn": frozenset(["--cwd"]),
    "bun": frozenset(["--cwd", "--filter", "-F"]),
    "uv": frozenset(["--project", "--directory", "--with", "-p", "--python", "--extra", "--group"]),
    "poetry": frozenset(["-C"]),
    "pdm": frozenset(["-p"]),
    "hatch": frozenset(["-e"]),
    "rye": frozenset(),
    "pipenv": frozenset(),
    "bundle": frozenset(),
    "composer": frozenset(["-d"]),
    "mise": frozenset(["-C", "--cd"]),
    "make": frozenset(["-C", "-f", "-j"]),
    "gmake": frozenset(["-C", "-f", "-j"]),
    "just": frozenset(["-f", "--justfile", "-d"]),
    "task": frozenset(["-d", "-t"]),
    "rake": frozenset(["-f"]),
    "turbo": frozenset(["--filter", "-F"]),
    "nx": frozenset(),
    "gradle": frozenset(["-p"]),
    "gradlew": frozenset(["-p"]),
    "mvn": frozenset(["-f", "-pl"]),
    "mvnw": frozenset(["-f", "-pl"]),
    "invoke": frozenset(["-c"]),
    "inv": frozenset(["-c"]),
    "nox": frozenset(["-s"]),
    "tox": frozenset(["-e"]),
    "go": frozenset(["-C"]),
    "cargo": frozenset(["--manifest-path", "-p", "--package"]),
    "swift": frozenset(["--package-path"]),
    "dotnet": frozenset(),
    "mix": frozenset(),
    "rails": frozenset(),
    "flutter": frozenset(),
    "dart": frozenset(),
}
#: What package managers write into the folder that they run in.
MANIFESTS: dict[str, tuple[str, ...]] = {
    "npm": (
        "package.json", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock",
        "bun.lock", "bun.lockb", "pnpm-workspace.yaml", "node_modules",
    ),
    "uv": ("pyproject.toml", "uv.lock", "requirements.txt", ".venv"),
    "poetry": ("pyproject.toml", "poetry.lock"),
    "pdm": ("pyproject.toml", "pdm.lock"),
    "pipenv": ("Pipfile", "Pipfile.lock"),
    "bundle": ("Gemfile", "Gemfile.lock"),
    "composer": ("composer.json", "composer.lock", "vendor"),
    "cargo": ("Cargo.toml", "Cargo.lock"),
    "go": ("go.mod", "go.sum", "go.work", "go.work.sum", "vendor"),
    "swift": ("Package.swift", "Package.resolved"),
    "mise": ("mise.toml", ".mise.toml", ".tool-versions"),
    "mix": ("mix.exs", "mix.lock", "deps"),
}  # fmt: skip
RUN_WORDS = frozenset(["run", "exec", "dlx", "x", "run-script", "tool", "--", "r", "rx", "-r"])
FORMATTING_TASK = re.compile(
    r"(?:\A|[^a-z])(?:fmt|format|prettify|prettier|fix|autofix|lint-fix)(?:\Z|[^a-z])"
)
GENERATING_TASK = re.compile(
    r"(?:\A|[^a-z])(?:gen|generate|generated|codegen|migrate|sync|codemod|scaffold|new|create|init|"
    r"eject|upgrade)(?:\Z|[^a-z])"
)
BUILDING_TASK = re.compile(
    r"(?:\A|[^a-z])(?:test|tests|t|tst|spec|e2e|bench|benchmark|coverage|cov|lint|vet|check|"
    r"typecheck|tsc|types|build|compile|bundle|dist|dev|start|serve|watch|preview|ci|verify|"
    r"validate|doc|docs|clippy|audit|clean|package|assemble|unit|integration|smoke|assets)"
    r"(?:\Z|[^a-z])"
)
LOOKING_TASK = _set(
    """list ls info outdated why view show tree version env help doctor --version -v -V --help
    config which where tasks metadata pkgid search doc"""
)
GIT_LOOKS = _set(
    """status diff log show blame annotate ls-files ls-tree rev-parse rev-list describe shortlog
    grep cat-file reflog merge-base name-rev var version help check-ignore check-attr whatchanged
    for-each-ref diff-tree diff-files diff-index count-objects cherry range-diff verify-commit
    show-ref symbolic-ref show-branch archive bundle --version merge-tree"""
)
GIT_STATE = _set(
    """add commit push fetch tag branch config remote notes gc init update-index update-ref prune
    maintenance pack-refs fsck repack hash-object write-tree commit-tree replace credential
    lfs"""
)
#: Forms of commands with both kinds that only look.
GIT_LISTS: dict[str, frozenset[str]] = {
    "branch": frozenset(["-a", "-v", "-vv", "-r", "--list", "--show-current", "--all", "-l"]),
    "tag": frozenset(["-l", "--list", "-n", "--contains", "--sort"]),
    "remote": frozenset(["-v", "show", "get-url", "--verbose"]),
    "stash": frozenset(["list", "show"]),
    "config": frozenset(["--get", "--list", "-l", "--get-all", "--get-regexp", "get", "list"]),
    "worktree": frozenset(["list"]),
    "submodule": frozenset(["status", "summary"]),
    "notes": frozenset(["list", "show"]),
    "bisect": frozenset(["log", "view"]),
    "apply": frozenset(["--check", "--stat", "--numstat"]),
}
GH_LOOKS = _set("view list status diff checks search browse watch --version version auth")
CONTENT_OPTIONS = ("-totalcount", "-head", "-first", "-tail", "-last", "-encoding", "-readcount")
STATE_LOOKS = _set(
    """ps logs images inspect stats version info get describe top status list ls show events
    --version port history plan output validate display"""
)
INSTALLS = _set(
    """install i ci add remove rm uninstall update upgrade up link unlink dedupe prune lock sync
    import require publish pack version init create patch rebuild approve-builds restore use trust
    fetch vendor"""
)
