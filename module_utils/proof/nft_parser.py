"""Parses the nftables text that is rendered, and what ``nft list ruleset`` prints for it. The rest is refused."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from .intervals import block
from .nft_lexer import END, Token, tokens
from .nft_model import PRIORITIES, Chain, Element, Field, Match, NamedSet, Rule, Ruleset, Table, Value, Verdict
from .problem import CannotProve

FIELDS: dict[tuple[str, ...], Field] = {
    ("iifname",): Field("iifname", "interface"),
    ("oifname",): Field("oifname", "interface"),
    ("iif",): Field("iifname", "interface"),
    ("oif",): Field("oifname", "interface"),
    ("ip", "saddr"): Field("saddr", "address", "ipv4"),
    ("ip", "daddr"): Field("daddr", "address", "ipv4"),
    ("ip6", "saddr"): Field("saddr", "address", "ipv6"),
    ("ip6", "daddr"): Field("daddr", "address", "ipv6"),
    ("ip", "protocol"): Field("protocol", "word", "ipv4"),
    ("ip6", "nexthdr"): Field("protocol", "word", "ipv6"),
    ("ip", "ttl"): Field("ttl", "number", "ipv4"),
    ("ip6", "hoplimit"): Field("hoplimit", "number", "ipv6"),
    ("tcp", "dport"): Field("dport", "number", None, "tcp"),
    ("udp", "dport"): Field("dport", "number", None, "udp"),
    ("th", "dport"): Field("dport", "number"),
    ("tcp", "sport"): Field("sport", "number", None, "tcp"),
    ("udp", "sport"): Field("sport", "number", None, "udp"),
    ("icmp", "type"): Field("icmp type", "word", "ipv4", "icmp"),
    ("icmpv6", "type"): Field("icmp type", "word", "ipv6", "ipv6-icmp"),
    ("meta", "l4proto"): Field("protocol", "word"),
    ("meta", "nfproto"): Field("nfproto", "word"),
    ("meta", "skuid"): Field("skuid", "word"),
    ("meta", "skgid"): Field("skgid", "word"),
    ("meta", "iifname"): Field("iifname", "interface"),
    ("meta", "oifname"): Field("oifname", "interface"),
    ("skuid",): Field("skuid", "word"),
    ("ct", "state"): Field("ct state", "word"),
    ("fib", "daddr . iif type"): Field("fib type", "word"),
}
_STARTS = {names[0] for names in FIELDS}
_PORTS = {"ssh": 22, "domain": 53, "http": 80, "ntp": 123, "https": 443, "nfs": 2049}
_PROTOCOLS = {"icmpv6": "ipv6-icmp", "6": "tcp", "17": "udp", "1": "icmp", "58": "ipv6-icmp"}
_UNSUPPORTED = "the proof doesn't know this expression; use one it knows (module_utils/proof/nft_parser.py)"
_PLAIN = ("accept", "drop", "return", "continue")
_SET_WORDS = ("type", "typeof", "flags", "auto-merge", "size", "policy", "comment", "counter", "gc-interval", "timeout")


@lru_cache(maxsize=4096)
def parse_ruleset(text: str, where: str = "nftables.conf") -> Ruleset:
    """Return the ruleset that loading ``text`` into an empty kernel leaves. Raises ``CannotProve`` for what is unknown."""
    return _Parser(text, where).ruleset()


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, where: str) -> None:
        self._where, self._lines = where, text.split("\n")
        self._tokens, self._at = tokens(text, where), 0
        self._tables: dict[tuple[str, str], Table] = {}

    def ruleset(self) -> Ruleset:
        self._skip_ends()
        while self._at < len(self._tokens):
            word = self._next()
            if word.text == "table":
                self._table()
            elif word.text == "flush" and self._peek().text == "ruleset":
                self._next()
                self._tables.clear()
            elif word.text in ("delete", "destroy", "flush") and self._peek().text == "table":
                self._next()
                self._drop_table(word.text)
            else:
                raise self._unknown(word, "at the top stand tables, `flush ruleset` and `delete table`")
            self._end()
        for table in self._tables.values():
            self._check_references(table)
        return Ruleset(self._where, self._tables)

    # tables, chains, sets

    def _table(self) -> None:
        start = self._tokens[self._at - 1]
        family = self._next().text if self._peek().text in ("inet", "ip", "ip6", "arp", "bridge", "netdev") else "ip"
        if family not in ("inet", "ip", "ip6"):
            raise self._unknown(start, "only tables of family inet, ip and ip6 are judged")
        name = self._next().text
        table = self._tables.setdefault((family, name), Table(family, name))
        if self._peek().text != "{":
            return
        self._open()
        while not self._closed():
            word = self._next()
            if word.text == "chain":
                self._chain(table)
            elif word.text in ("set", "map"):
                self._set(table)
            elif word.text == "comment":
                self._next()
            else:
                raise self._unknown(word, "in a table stand chains, sets and maps")
            self._skip_ends()

    def _drop_table(self, verb: str) -> None:
        family = self._next().text if self._peek().text in ("inet", "ip", "ip6") else "ip"
        table = self._tables.get((family, name)) if (name := self._next().text) else None
        if table is None:
            return
        if verb == "flush":
            for chain in table.chains.values():
                chain.rules.clear()
        else:
            del self._tables[family, name]

    def _chain(self, table: Table) -> None:
        name = self._next()
        chain = table.chains.setdefault(name.text, Chain(name.text, name.line))
        self._open()
        while not self._closed():
            word = self._peek()
            if word.text == "type":
                self._base(chain)
            elif word.text == "policy":
                self._next()
                chain.policy = self._one_of("accept", "drop")
            elif word.text == "comment" and self._tokens[self._at + 1].quoted:
                self._at += 2
            else:
                chain.rules.append(self._rule())
            self._end()

    def _base(self, chain: Chain) -> None:
        start = self._next()
        chain.type = self._next().text
        if chain.type != "filter":
            raise self._unknown(start, "only chains of type filter are judged: nothing is translated or rerouted")
        self._expect("hook")
        chain.hook = self._one_of("prerouting", "input", "forward", "output", "postrouting")
        self._expect("priority")
        chain.priority = self._priority()

    def _priority(self) -> int:
        word = self._next()
        base = PRIORITIES.get(word.text)
        if base is None:
            return self._integer(word)
        if self._peek().text in ("+", "-"):
            sign = 1 if self._next().text == "+" else -1
            return base + sign * self._integer(self._next())
        return base

    def _set(self, table: Table) -> None:
        name = self._next()
        made = table.sets.setdefault(name.text, NamedSet(name.text, name.line))
        self._open()
        while not self._closed():
            word = self._next()
            if word.text == "elements":
                self._expect("=")
                made.elements.extend(self._braced(None))
            elif word.text in _SET_WORDS:
                rest = self._rest_of_statement()
                made.dynamic |= word.text == "timeout" or (word.text == "flags" and bool({"dynamic", "timeout"} & rest))
            else:
                raise self._unknown(word, "the proof doesn't know this property of a set")
            self._end()

    def _check_references(self, table: Table) -> None:
        for chain in table.chains.values():
            for rule in chain.rules:
                verdicts = [rule.verdict, *(e.verdict for m in rule.matches for e in m.elements)]
                for verdict in verdicts:
                    if verdict and verdict.target and verdict.target not in table.chains:
                        raise CannotProve(self._where, rule.line, rule.text, f"there is no chain {verdict.target}")
                for match in rule.matches:
                    if match.set_name and match.set_name not in table.sets:
                        raise CannotProve(self._where, rule.line, rule.text, f"there is no set {match.set_name}")

    # rules

    def _rule(self) -> Rule:
        start = self._peek()
        matches: list[Match] = []
        verdict: Verdict | None = None
        limited: Literal["", "below", "above"] = ""
        while self._peek().text != END and self._peek().text != "}":
            word = self._peek()
            if verdict is not None and word.text != "comment":
                raise self._unknown(word, "nothing but a comment may follow a verdict")
            if word.text in _STARTS and not word.quoted:
                matches.append(self._match())
                if matches[-1].maps:
                    verdict = Verdict("map")
            elif word.text == "limit":
                limited = self._limit()
            elif word.text in ("add", "update"):
                limited = self._noting() or limited
            elif word.text in ("counter", "log", "comment"):
                self._statement()
            else:
                verdict = self._verdict()
        return Rule(start.line, self._lines[start.line - 1].strip(), tuple(matches), verdict, limited)

    def _match(self) -> Match:
        fields = [self._field()]
        while self._peek().text == ".":
            self._next()
            fields.append(self._field())
        negated = maps = False
        word = self._peek()
        if word.text in ("!=", "=="):
            self._next()
            negated = word.text == "!="
        elif word.text == "vmap":
            self._next()
            maps = True
        if self._peek().text.startswith("@"):
            return Match(tuple(fields), (), self._next().text[1:], negated, maps)
        if self._peek().text == "{":
            return Match(tuple(fields), tuple(self._braced(tuple(fields))), "", negated, maps)
        elements = [self._element(tuple(fields))]
        while self._peek().text == ",":
            self._next()
            elements.append(self._element(tuple(fields)))
        return Match(tuple(fields), tuple(elements), "", negated, maps)

    def _field(self) -> Field:
        first = self._next()
        if (first.text,) in FIELDS:
            return FIELDS[first.text,]
        second = self._next().text
        if first.text == "fib":
            second = " ".join([second, *(self._next().text for _word in range(3))])
        found = FIELDS.get((first.text, second))
        if found is None:
            raise self._unknown(first, _UNSUPPORTED)
        return found

    def _braced(self, fields: tuple[Field, ...] | None) -> list[Element]:
        self._open()
        elements = []
        while not self._closed():
            elements.append(self._element(fields))
            self._skip_ends()
            if self._peek().text == ",":
                self._next()
            elif self._peek().text != "}":
                raise self._unknown(self._peek(), "a comma or the end of the set was expected")
        return elements

    def _element(self, fields: tuple[Field, ...] | None) -> Element:
        values = [self._value(fields[0] if fields else None)]
        while self._peek().text == ".":
            self._next()
            values.append(self._value(fields[len(values)] if fields and len(values) < len(fields) else None))
        if fields and len(values) != len(fields):
            raise self._unknown(self._peek(), "as many values as concatenated fields were expected")
        while self._peek().text in ("counter", "comment"):
            self._statement()
        if self._peek().text == ":":
            self._next()
            return Element(tuple(values), self._verdict())
        return Element(tuple(values))

    def _value(self, field: Field | None) -> Value:
        word = self._next()
        if word.text in (END, "{", "}", ",", "(", "&", "|", "!", "<", ">", "<=", ">=", "^"):
            raise self._unknown(word, _UNSUPPORTED)
        if word.quoted or (field is not None and field.kind == "interface"):
            return word.text
        value = _numeric(word.text)
        if field is None:
            return value if value is not None else _PROTOCOLS.get(word.text, word.text)
        if field.kind == "word":
            return _PROTOCOLS.get(word.text, word.text) if field.name == "protocol" else word.text
        if value is None:
            raise self._unknown(word, f"{field.name} is compared with addresses or numbers, not with names")
        return value

    def _verdict(self) -> Verdict:
        word = self._next()
        if word.quoted:
            raise self._unknown(word, _UNSUPPORTED)
        if word.text in _PLAIN:
            return Verdict(word.text)
        if word.text == "reject":
            if self._peek().text == "with":
                while self._peek().text not in (END, "}", ",", "comment"):
                    self._next()
            return Verdict("drop")
        if word.text in ("jump", "goto"):
            return Verdict(word.text, self._next().text)
        raise self._unknown(word, _UNSUPPORTED)

    def _noting(self) -> Literal["", "below", "above"]:
        """Pass over noting something in a dynamic set; with a limit there, each element has a rate of its own."""
        self._next()
        self._next()
        self._expect("{")
        limited: Literal["", "below", "above"] = ""
        while self._peek().text not in ("}", END):
            if self._peek().text == "limit":
                limited = self._limit()
            else:
                self._next()
        self._expect("}")
        return limited

    def _limit(self) -> Literal["below", "above"]:
        self._next()
        self._expect("rate")
        above = self._peek().text == "over"
        while self._peek().text in ("over", "burst", "packets", "bytes", "kbytes", "mbytes") or (self._peek().text[0].isdigit()):
            self._next()
        return "above" if above else "below"

    def _statement(self) -> None:
        """Pass over a statement that has no say: counter, log or comment."""
        word = self._next().text
        if word == "comment":
            self._next()
        elif word == "counter":
            while self._peek().text in ("packets", "bytes"):
                self._at += 2
        else:
            while self._peek().text in ("prefix", "level", "group", "snaplen", "flags", "queue-threshold"):
                self._at += 2

    # tokens

    def _peek(self) -> Token:
        return self._tokens[min(self._at, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        word = self._next()
        if word.text != text:
            raise self._unknown(word, f"`{text}` was expected")

    def _one_of(self, *wanted: str) -> str:
        word = self._next()
        if word.text not in wanted:
            raise self._unknown(word, f"one of {', '.join(wanted)} was expected")
        return word.text

    def _integer(self, word: Token) -> int:
        try:
            return int(word.text)
        except ValueError:
            raise self._unknown(word, "a number was expected") from None

    def _open(self) -> None:
        self._expect("{")
        self._skip_ends()

    def _closed(self) -> bool:
        self._skip_ends()
        if self._at >= len(self._tokens):
            raise self._unknown(self._tokens[-1], "the text ends within braces")
        if self._peek().text == "}":
            self._next()
            return True
        return False

    def _end(self) -> None:
        if self._peek().text not in (END, "}"):
            raise self._unknown(self._peek(), _UNSUPPORTED)
        self._skip_ends()

    def _skip_ends(self) -> None:
        while self._at < len(self._tokens) and self._tokens[self._at].text == END:
            self._at += 1

    def _rest_of_statement(self) -> set[str]:
        words = set()
        while self._peek().text not in (END, "}"):
            words.add(self._next().text)
        return words

    def _unknown(self, token: Token, reason: str) -> CannotProve:
        line = self._lines[token.line - 1].strip() if token.line <= len(self._lines) else ""
        return CannotProve(self._where, token.line, line or token.text.strip(), reason)


def _numeric(text: str) -> tuple[int, int] | None:
    """Return the inclusive range of an address, network, number, known port name or ``low-high``, or ``None``."""
    low, dash, high = text.partition("-")
    if low.isdigit() and (not dash or high.isdigit()):
        return int(low), int(high or low)
    if low in _PORTS and not dash:
        return _PORTS[low], _PORTS[low]
    try:
        return block(text)[1]
    except ValueError:
        return None
