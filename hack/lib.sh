# What hack/demo and hack/test share: find or install what pyoci is built with. Sourced by bash, with `set -eu`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
program=hack/$(basename "$0")

# The caller's Python settings would reach the build; a caller without HOME is no reason to fail.
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONDONTWRITEBYTECODE
export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

fail() {
    echo "$program: $*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null
}

is_root() {
    [ "$(id -u)" = 0 ]
}

# install_packages PACKAGE...: have apt install those that are missing, or say in one line which they are.
install_packages() {
    local package missing=()
    for package; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    have apt-get || fail "missing, and there is no apt-get to install them: ${missing[*]}"
    is_root || fail "missing packages: ${missing[*]} (sudo apt-get install ${missing[*]})"
    echo "$program: installing ${missing[*]}"
    local log
    log=$(mktemp)
    # The lists of a fresh machine are empty or old: then they are fetched, and it is tried once more.
    apt_install "${missing[@]}" >"$log" 2>&1 ||
        { apt-get update && apt_install "${missing[@]}"; } >>"$log" 2>&1 || {
        cat "$log" >&2
        rm -f "$log"
        fail "apt-get cannot install: ${missing[*]}"
    }
    rm -f "$log"
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends "$@"
}

is_new_enough() {
    "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Sets `python`: $PYTHON, or the distribution's python3, or the one in PATH.
choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        have "$PYTHON" || fail "PYTHON=$PYTHON is not there"
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is older than 3.11"
        python=$(command -v "$PYTHON")
        return
    fi
    if ! have /usr/bin/python3 && ! have python3; then
        install_packages python3
    fi
    for python in /usr/bin/python3 /usr/bin/python3.11 python3; do
        if have "$python" && is_new_enough "$python"; then
            python=$(command -v "$python")
            return
        fi
    done
    install_packages python3.11 # Ubuntu 22.04 has it beside its 3.10
    python=/usr/bin/python3.11
}

# Packages to build pyoci with `python`, and python-prctl, which it depends on.
build_packages() {
    echo gcc libc6-dev binutils libseccomp-dev libcap-dev
    case $python in
    /usr/bin/python3) echo python3-venv python3-dev ;;
    /usr/bin/python3.*) echo "${python##*/}-venv" "${python##*/}-dev" ;;
    esac
}

# requirements EXTRA: what pyproject.toml names, without pyoci, which would be built for it: build_pyoci does that.
requirements() {
    "$python" -I - "$root/pyproject.toml" "$1" <<'END'
import sys, tomllib

with open(sys.argv[1], "rb") as file:
    whole = tomllib.load(file)
project = whole["project"]
name, extras = project["name"], project["optional-dependencies"]
left = whole["build-system"]["requires"] + project["dependencies"] + extras.get(sys.argv[2], [])
while left:
    entry = left.pop()
    if entry.startswith(f"{name}["):
        left += extras[entry.removeprefix(f"{name}[").rstrip("]")]
    else:
        print(entry)
END
}

# make_venv EXTRA: .venv, with pyoci's dependencies and those of EXTRA in it.
make_venv() {
    local extra=$1 wanted
    if [ -e "$venv" ] && [ ! -w "$venv" ]; then
        fail "$venv belongs to $(stat -c %U "$venv"): remove it, or run this as that user"
    fi
    wanted=$("$python" -I -c 'import sys; print(sys.executable, sys.version)')
    if [ "$(cat "$venv/made-by" 2>/dev/null)" != "$wanted" ]; then
        rm -rf "$venv"
        "$python" -I -m venv "$venv"
        echo "$wanted" >"$venv/made-by"
    fi
    # The package index is asked only when pyproject.toml has changed.
    wanted="$extra $(sha256sum <"$root/pyproject.toml")"
    if ! grep -qxF "$wanted" "$venv/has-extras" 2>/dev/null; then
        echo "$program: installing pyoci's dependencies into .venv"
        local needed
        mapfile -t needed < <(requirements "$extra")
        quietly "$venv/bin/pip" install --quiet "${needed[@]}"
        echo "$wanted" >>"$venv/has-extras"
    fi
}

# Build pyoci, and install it into .venv.
build_pyoci() {
    echo "$program: building pyoci"
    rm -rf "$root"/build/lib*
    quietly "$venv/bin/pip" install --quiet --no-build-isolation --no-deps --force-reinstall "$root"
}

# quietly COMMAND...: its output is shown only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        fail "failed: $*"
    fi
    rm -f "$log"
}
