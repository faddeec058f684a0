# Verbs for trying, on the host where an attempt begins. Read by bash, as root, with the attempt's variables. The nonce comes in two
# halves, so that no echo of a script counts as proof.
# PROOF is a command for a shell elsewhere, so its quotes are meant as they stand.
# shellcheck shell=bash disable=SC2016,SC2089,SC2090,SC2153,SC2317,SC2329
set -u
PROOF="printf %s $N1''$N2"
inside=() leave=()
place=$(mktemp -d /run/kakehashi-try.XXXXXX)
trap 'for command in "${leave[@]}"; do $command; done 2>/dev/null; rm -rf "$place"' EXIT

yes() { printf '%s%s\n' "$N1" "$N2"; }
no() { echo "attack refused: $*"; }
broken() { echo "attack broken: $*"; exit 1; }

reach() { # ADDRESS PORT: whether TCP gets there; says how not
    local said
    said=$("${inside[@]}" timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2" 2>&1) && return 0
    case $said in
        *refused* | *reset*) no tcp-reset "$said" ;;
        *route* | *unreachable* | *assign*) no no-route "$said" ;;
        *permitted*) no filtered "$said" ;;
        *) no tcp-timeout "no answer from $1 port $2 in 3 s" ;;
    esac
    return 1
}

settings() { # ssh's own, for the target, the host beyond and the hop before
    local key
    cat <<EOF
Host target
  HostName ${ADDRESS//%/%%}
  Port $PORT
  HostKeyAlias $TARGET
Host beyond
  HostName ${BEYOND_ADDRESS:-none}
  HostKeyAlias ${BEYOND:-none}
Host hop
  HostName ${HOP_ADDRESS:-none}
  HostKeyAlias ${HOP:-none}
  User $LOCAL_USER
Host *
  User $LOGIN
  UserKnownHostsFile $place/known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  UpdateHostKeys no
  CheckHostIP no
  IdentitiesOnly yes
  IdentityAgent none
  BatchMode yes
  PreferredAuthentications publickey
  ConnectTimeout 30
  ExitOnForwardFailure yes
EOF
    for key in "$place"/key*; do
        [[ $key == *-cert.pub || $key == *.pub ]] || echo "  IdentityFile $key"
    done
}

client() { # ssh, with the attempt's settings
    settings >"$place/config"
    "${inside[@]}" timeout "${PATIENCE:-60}" ssh -v -F "$place/config" "$@"
}

log_in() { # [OPTION]... [-- COMMAND]: log in at the target; it proves itself by the command's output
    local options=() command=$PROOF
    while [[ $# -gt 0 ]]; do
        if [[ $1 == -- ]]; then shift; command=$*; break; fi
        options+=("$1")
        shift
    done
    reach "$ADDRESS" "$PORT" || return 0
    client "${options[@]}" target "$command" </dev/null
}

greeted() { # COMMAND...: whether it brings the greeting of an sshd
    "$@" </dev/null 2>"$place/said" | head -c 4 | grep -q '^SSH-' && { yes; return; }
    cat "$place/said" >&2
}

through() { # TO [HOST]: whether the target's sshd, or that of the hop, connects to there and brings the greeting of another (-W)
    PATIENCE=20 client -W "$1" "${2:-target}" </dev/null 2>"$place/said" | head -c 4 | grep -q '^SSH-' && { yes; return; }
    cat "$place/said" >&2
    # A packet that is dropped ends in silence, long after which sshd would say so.
    if grep -q '^Authenticated to ' "$place/said" && ! grep -q 'open failed\|request failed' "$place/said"; then
        no forward-unreachable "no answer from $1 through the hop"
    fi
}

by_hop() { # log in at the target by a machine where a centre's user logs in and forwards; what that one says is not the target's
    local met
    met=$(through "[$ADDRESS]:$PORT" hop)
    if [[ $met == "$N1$N2" ]]; then
        client -o ProxyCommand="ssh -q -F $place/config -W [%h]:%p hop" target "$PROOF" </dev/null
    else
        echo "$met"
    fi
}

stays() { # OPTION...: a login that only forwards, in the background, until it stands or has ended
    reach "$ADDRESS" "$PORT" || return 1
    settings >"$place/config"
    "${inside[@]}" timeout 60 ssh -v -F "$place/config" -M -S "$place/control" -N -f "$@" target </dev/null 2>"$place/said"
    local status=$?
    cat "$place/said" >&2
    leave+=("ssh -F $place/config -S $place/control -O exit target")
    return $status
}

certified() { # OPTION...: the key shown bears a certificate by an authority of our own
    ssh-keygen -y -f "$place/key0" >"$place/key0.pub"
    ssh-keygen -q -s "$place/authority" -I attack "$@" "$place/key0.pub"
}

right_one() { # a certificate that is as it should be gets in, so what is refused after it is refused for what differs
    certified -I right -n "$LOGIN"
    client target true </dev/null >/dev/null 2>"$place/right" || broken "a right certificate is refused: $(tail -n 1 "$place/right")"
}

asked() { # ACCOUNT OPTION...: ask the signer for a certificate of a key of our own
    local account=$1 key
    shift
    ssh-keygen -q -t ed25519 -N '' -f "$place/asked" || broken "no key could be made"
    key=$(cut -d ' ' -f 1,2 "$place/asked.pub")
    reach "$ADDRESS" "$PORT" || return 0
    printf '{"account": "%s", "key": "%s"}' "$account" "$key" |
        client -T -l "$SIGNING_USER" "$@" target 2>"$place/said" | grep -q '^ssh-ed25519-cert' && yes
    cat "$place/said" >&2
    grep -q '^refused: ' "$place/said" && no not-allowed "$(grep '^refused: ' "$place/said")"
}

another_machine() { # [ADDRESS]: from here on this is another machine on the segment, with a free address or the one given
    local address=${1:-$FREE} name=attack$$ flag=()
    ip netns add "$name" || broken "no network namespace"
    leave+=("ip netns delete $name")
    ip link add "mv$$" link "$INTERFACE" netns "$name" type macvlan mode bridge || broken "no second machine on $INTERFACE"
    [[ $FAMILY == 4 ]] || flag=(nodad)
    ip -n "$name" address add "$address/$PREFIX" dev "mv$$" "${flag[@]}"
    ip -n "$name" link set lo up
    ip -n "$name" link set "mv$$" up
    inside=(nsenter --net="/run/netns/$name")
}

hand_over() { # what was left behind at /run/attack-left is given something to hand on
    printf %s "$N1$N2" >/run/attack-left/ask
}

answered() { # whether it has handed it on, within 3 s
    for _ in $(seq 30); do [[ -e /run/attack-left/answer ]] && break; sleep 0.1; done
    grep -q "$N1$N2" /run/attack-left/answer 2>/dev/null && yes
}

come_back() { # an account that a run has removed is there again as a run makes it: by name, number and home
    getent passwd "$LOGIN" >/dev/null && return
    useradd --uid "$(stat -c %u /run/attack-left)" --user-group --shell /bin/bash --password '*' --no-create-home \
        --home-dir "/home/$LOGIN" "$LOGIN" || broken "$LOGIN could not be made again"
    chown "$LOGIN:" "/home/$LOGIN"
}

begin() { # PROGRAM...: a daemon, until the try is over; by root's own job it shows that it has begun
    rm -f /run/attack-left/begun
    setsid borrowed "$@" </dev/null >/dev/null 2>&1 &
    leave+=("kill $!")
    for _ in $(seq 200); do [[ -e /run/attack-left/begun ]] && return; sleep 0.1; done
    broken "$1 has not begun within 20 s"
}

with_password() { # [METHOD]: log in by the password
    printf '#!/bin/sh\nprintf "%%s\\n" "$PASSWORD"\n' >"$place/answer"
    chmod 700 "$place/answer"
    SSH_ASKPASS=$place/answer SSH_ASKPASS_REQUIRE=force log_in -o PreferredAuthentications="${1:-password}" -o BatchMode=no \
        -o NumberOfPasswordPrompts=1 2>"$place/said"
    cat "$place/said" >&2
    # A wrong password is denied in words; after a right one PAM's account rules just close the connection.
    if grep -q 'Next authentication method' "$place/said" && grep -q '^Connection closed by' "$place/said"; then no account-denied; fi
}
