# Verbs for what root does to a host before an attempt, and how the host gets back exactly what it had. Read by bash.
# shellcheck shell=bash disable=SC2317,SC2329,SC2153
KEEP=/run/kakehashi-attack

listed() { # every path below /etc with all that tells a change
    find /etc -type d -printf '%p %y %m %U %G %T@\n' -o -printf '%p %y %m %U %G %s %T@ %l\n' | sort
}

fingerprint() { # two words: what is below /etc, and the ruleset without what it notes by itself
    listed | sha256sum | cut -d' ' -f1
    if command -v nft >/dev/null; then nft -st list ruleset; fi | sha256sum | cut -d' ' -f1
}

alone() { # one script at a time: one whose caller is gone may still run
    local other
    other=$(cat /run/kakehashi-attack.busy 2>/dev/null)
    if [[ -n $other ]]; then wait_for bash -c "! kill -0 $other"; fi
    echo $$ >/run/kakehashi-attack.busy
}

keep() { # once for a run: keep /etc and the ruleset, and let the host put itself back should nobody do it
    if [[ -e $KEEP/alive ]]; then give_back || return 1; fi
    rm -rf "$KEEP"
    mkdir -m 700 "$KEEP"
    tar --format=posix -C / -cpf "$KEEP/etc.tar" etc
    listed >"$KEEP/listed"
    if command -v nft >/dev/null; then
        nft list ruleset >"$KEEP/ruleset"
        nft -s list ruleset >"$KEEP/ruleset.plain"
    fi
    {
        declare -f
        # shellcheck disable=SC2016
        printf '%s\n' "KEEP=$KEEP" alone 'find "$KEEP/alive" -mmin -5 | grep -q . || { give_back && finish; }'
    } >"$KEEP/back"
    touch "$KEEP/alive"
    systemctl is-active --quiet kakehashi-attack-back.timer ||
        systemd-run --quiet --collect --unit=kakehashi-attack-back --on-active=60 --on-unit-active=60 bash "$KEEP/back"
}

keep_on() { # what is kept stays; where the host has put itself back, because nobody came for long, keep it anew
    if [[ -e $KEEP/alive ]]; then touch "$KEEP/alive"; else keep; fi
}

give_back() { # exactly what was kept: files with owner, mode and time, the ruleset, and services that have read it
    [[ -e $KEEP/alive ]] || { echo "attack broken: nothing was kept" >&2; return 1; }
    touch "$KEEP/alive"
    if command -v nft >/dev/null && ! nft -s list ruleset | cmp -s - "$KEEP/ruleset.plain"; then
        { echo flush ruleset; cat "$KEEP/ruleset"; } | nft -f -
    fi
    listed >"$KEEP/now"
    if ! cmp -s "$KEEP/now" "$KEEP/listed"; then
        comm -23 <(cut -d' ' -f1 "$KEEP/now" | sort) <(cut -d' ' -f1 "$KEEP/listed" | sort) | xargs -r -d '\n' rm -rf --
        tar -C / -xpf "$KEEP/etc.tar" --overwrite-dir
        listed >"$KEEP/now"
        settle
    fi
    cmp -s "$KEEP/now" "$KEEP/listed" || { echo "attack broken: /etc is not as it was" >&2; return 1; }
}

let_all_pass() { # no packet filter; connections go on being tracked, so that those that stand still do when the filter is back
    printf '%s\n' 'flush ruleset' 'table inet kakehashi { chain input { type filter hook input priority filter; policy accept;' \
        'ct state established,related accept; }; }' | nft -f -
}

finish() {
    systemctl stop kakehashi-attack-back.timer 2>/dev/null
    rm -rf "$KEEP" /run/kakehashi-attack.busy
}

settle() { # let all sshds read their configuration, and wait until they have
    install -d -m 755 /run/sshd # gone where a socket starts sshd and it doesn't run
    /usr/sbin/sshd -t || { echo "attack broken: sshd refuses its configuration" >&2; return 1; }
    again ssh /run/sshd.pid
    [[ ! -e /etc/ssh/sshd_config_data ]] || again kakehashi-data-sshd /run/kakehashi-data-sshd/sshd.pid
    [[ ! -e /etc/ssh/sshd_config_sign ]] || again kakehashi-sign-sshd /run/kakehashi-sign-sshd/sshd.pid
}

again() { # UNIT PIDFILE: sshd removes the file when it starts anew, and writes it when it listens
    systemctl is-active --quiet "$1" || return 0
    # One that got its socket from systemd can't listen anew by itself: the next connection starts it. Sessions stay. Too many
    # starts in a row would close the socket for good, so they are not counted.
    if systemctl is-active --quiet "$1.socket"; then
        systemctl stop "$1.service"
        systemctl reset-failed "$1.service" 2>/dev/null
        return 0
    fi
    rm -f "$2"
    systemctl reload "$1"
    wait_for test -s "$2"
}

anew() { # UNIT: start it anew; systemd gives a unit up that is started too often in a row, so these starts are not counted
    systemctl reset-failed "$1" 2>/dev/null
    systemctl restart "$1"
}

wait_for() { # a command that succeeds within 60 s
    local end=$((SECONDS + 60))
    until "$@" 2>/dev/null; do
        ((SECONDS < end)) || { echo "attack broken: not within 60 s: $*" >&2; return 1; }
        sleep 0.05
    done
}

sshd_set() { # KEYWORD [VALUE]...: the global value; none takes the lines away
    local keyword=$1
    shift
    sed -i "/^$keyword /d" /etc/ssh/sshd_config
    [[ $# -eq 0 ]] || sed -i "1i $keyword $*" /etc/ssh/sshd_config
}

data_set() { # the same for the data sshd
    local keyword=$1
    shift
    sed -i "/^$keyword /d" /etc/ssh/sshd_config_data
    [[ $# -eq 0 ]] || sed -i "1i $keyword $*" /etc/ssh/sshd_config_data
}

by_certificate() { # whether accounts come with certificates here: then no file says what a key is good for
    grep -q '^    TrustedUserCAKeys ' /etc/ssh/sshd_config && [[ ! -e /etc/ssh/authorized_keys.d/$LOGIN ]]
}

key_alone() { # OPTIONS: the key does without a certificate, with these options in its line
    sed -i 's/^    TrustedUserCAKeys .*/    TrustedUserCAKeys none/' /etc/ssh/sshd_config
    echo "$* $SHOWN" >"/etc/ssh/authorized_keys.d/$LOGIN"
}

key_files() { # the files with the user's keys, of people's logins and of data
    ls /etc/ssh/authorized_keys.d/"$LOGIN" /etc/ssh/authorized_keys_data.d/"$LOGIN" 2>/dev/null
}

drop_in() { # NAME LINE...: what a package puts into sshd_config.d
    mkdir -p /etc/ssh/sshd_config.d
    printf '%s\n' "${@:2}" >"/etc/ssh/sshd_config.d/$1"
}

chroot_directory() { sed -n "s,^ChrootDirectory ,,p" /etc/ssh/sshd_config_data | sed "s,%u,$LOGIN,"; }

home() { getent passwd "$LOGIN" | cut -d: -f6; }

plant() { # FILE MODE: put what comes in into the user's home, as the user would
    local path
    path=$(home)/$1
    runuser -u "$LOGIN" -- mkdir -p "$(dirname "$path")"
    runuser -u "$LOGIN" -- tee "$path" >/dev/null
    chmod "$2" "$path"
}

leave_room() { # a place of the user's own, where what is left behind takes what it is given and hands it on
    install -d -o "$LOGIN" -g "$LOGIN" -m 700 /run/attack-left
}

BORROWED=/var/lib/kakehashi-borrowed # where root alone can make anything: root runs what lies there
borrow() { # PACKAGE...: unpack packages, with what they need, from where the host has its own; apt and dpkg don't learn of it
    rm -rf "$BORROWED"
    mkdir -p "$BORROWED/archives/partial"
    [[ -n $(apt-cache policy "$1") ]] || apt-get -qq update
    apt-get -qq -y --no-install-recommends --download-only -o Dir::Cache::archives="$BORROWED/archives" install "$@" >/dev/null
    local package
    for package in "$BORROWED"/archives/*.deb; do dpkg -x "$package" "$BORROWED"; done
    # shellcheck disable=SC2016
    {
        printf '#!/bin/bash\nPATH=%s/usr/bin:%s/usr/sbin:$PATH\n' "$BORROWED" "$BORROWED"
        printf 'LD_LIBRARY_PATH=$(echo %s/{usr/,}lib/*-linux-gnu | tr " " :)\n' "$BORROWED"
        printf 'export PATH LD_LIBRARY_PATH\nexec "$@"\n'
    } >/usr/local/bin/borrowed
    chmod 755 /usr/local/bin/borrowed
}

give_up_borrowed() { rm -rf "$BORROWED" /usr/local/bin/borrowed; }

reach_once() { # ADDRESS: ask for its place on the segment
    timeout 3 bash -c "exec 3<>/dev/tcp/$1/22" 2>/dev/null || true
}
