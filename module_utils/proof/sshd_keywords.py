"""sshd_config's keywords (OpenSSH 9.2 and 10.0, with Debian's own): where each may stand, and defaults that matter.

Source: ``keywords[]`` of servconf.c; the defaults from ``fill_default_server_options``.
"""

from __future__ import annotations

GLOBAL_ONLY = frozenset(
    """
    addressfamily afstokenpassing checkmail ciphers compression debianbanner fingerprinthash
    gssapicleanupcredentials gssapikexalgorithms gssapikeyexchange gssapistorecredentialsonrekey
    gssapistrictacceptorcheck hostcertificate hostkey hostkeyagent hostkeyalgorithms ignoreuserknownhosts
    kerberosgetafstoken kerberosorlocalpasswd kerberostgtpassing kerberosticketcleanup kexalgorithms
    keyregenerationinterval listenaddress logingracetime macs maxstartups modulifile pamauthenticationviakbdint
    permituserenvironment persourcemaxstartups persourcenetblocksize persourcepenalties
    persourcepenaltyexemptlist pidfile port printlastlog printmotd protocol reversemappingcheck
    rhostsauthentication securitykeyprovider serverkeybits sshdauthpath sshdsessionpath strictmodes
    syslogfacility tcpkeepalive usedns uselogin usepam useprivilegeseparation verifyreversemapping
    versionaddendum xauthlocation
    """.split()
)
"""Keywords that sshd refuses within a Match block."""

KEYWORDS = GLOBAL_ONLY | frozenset(
    """
    acceptenv allowagentforwarding allowgroups allowstreamlocalforwarding allowtcpforwarding allowusers
    authenticationmethods authorizedkeyscommand authorizedkeyscommanduser authorizedkeysfile authorizedkeysfile2
    authorizedprincipalscommand authorizedprincipalscommanduser authorizedprincipalsfile banner
    casignaturealgorithms channeltimeout chrootdirectory clientalivecountmax clientaliveinterval denygroups
    denyusers disableforwarding exposeauthinfo forcecommand gatewayports gssapiauthentication
    hostbasedacceptedalgorithms hostbasedauthentication hostbasedusesnamefrompacketonly ignorerhosts include
    ipqos kbdinteractiveauthentication kerberosauthentication loglevel logverbose match maxauthtries maxsessions
    pamservicename passwordauthentication permitemptypasswords permitlisten permitopen permitrootlogin permittty
    permittunnel permituserrc pubkeyacceptedalgorithms pubkeyauthentication pubkeyauthoptions rdomain
    refuseconnection rekeylimit requiredrsasize revokedkeys rhostsrsaauthentication rsaauthentication setenv
    streamlocalbindmask streamlocalbindunlink subsystem trustedusercakeys unusedconnectiontimeout
    x11displayoffset x11forwarding x11uselocalhost
    """.split()
)

ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "hostbasedacceptedkeytypes": "hostbasedacceptedalgorithms",
    "hostdsakey": "hostkey",
    "keepalive": "tcpkeepalive",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "skeyauthentication": "kbdinteractiveauthentication",
}
"""Other names of a keyword, by the name used here."""

APPENDING = frozenset(
    "allowusers denyusers allowgroups denygroups acceptenv port listenaddress hostkey hostcertificate subsystem".split()
)
"""Keywords whose lines add up; of all others the first line wins."""

WHOLE_LINE = APPENDING | frozenset(
    """
    authenticationmethods authorizedkeysfile authorizedkeyscommand authorizedprincipalscommand channeltimeout
    forcecommand ipqos logverbose permitlisten permitopen persourcepenalties pubkeyauthoptions rekeylimit setenv
    """.split()
)
"""Keywords that take more than one argument."""

FLAGS = frozenset(
    """
    disableforwarding exposeauthinfo gssapiauthentication hostbasedauthentication kbdinteractiveauthentication
    kerberosauthentication passwordauthentication permitemptypasswords permittty permituserrc pubkeyauthentication
    refuseconnection strictmodes usedns usepam x11forwarding
    """.split()
)
"""Keywords that are ``yes`` or ``no`` and nothing else."""

CHOICES: dict[str, tuple[str, ...]] = {
    "permitrootlogin": ("yes", "no", "prohibit-password", "without-password", "forced-commands-only"),
    "allowtcpforwarding": ("yes", "all", "no", "local", "remote"),
}
"""The words that other keywords take."""

DEFAULTS: dict[str, tuple[str, ...]] = {
    "allowagentforwarding": ("yes",),
    "allowstreamlocalforwarding": ("yes",),
    "allowtcpforwarding": ("yes",),
    "authenticationmethods": ("any",),
    "authorizedkeyscommand": ("none",),
    "authorizedkeysfile": (".ssh/authorized_keys", ".ssh/authorized_keys2"),
    "chrootdirectory": ("none",),
    "disableforwarding": ("no",),
    "gatewayports": ("no",),
    "gssapiauthentication": ("no",),
    "hostbasedauthentication": ("no",),
    "kbdinteractiveauthentication": ("yes",),
    "kerberosauthentication": ("no",),
    "pamservicename": ("sshd",),
    "passwordauthentication": ("yes",),
    "permitemptypasswords": ("no",),
    "permitopen": ("any",),
    "permitrootlogin": ("prohibit-password",),
    "permittunnel": ("no",),
    "port": ("22",),
    "pubkeyauthentication": ("yes",),
    "refuseconnection": ("no",),
    "trustedusercakeys": ("none",),
    "usedns": ("no",),
    "usepam": ("no",),
    "x11forwarding": ("no",),
}
"""What holds where a keyword isn't set."""
