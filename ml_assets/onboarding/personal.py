"""Personal data: told by the words of a header in a few languages, and by what values look like."""

from __future__ import annotations

from ml_assets.onboarding.naming import plain_words

# A phrase of words in a header, run together → what it is. Longer phrases are looked for first.
_PHRASES = {
    "a person's name": (
        "first name", "last name", "full name", "given name", "family name", "middle name", "maiden name", "customer name", "person name", "user name",
        "username", "surname", "firstname", "lastname", "fullname", "forename", "vorname", "nachname", "familienname", "kundenname", "prenom", "nombre",
        "apellido", "apellidos", "cognome", "achternaam", "voornaam", "sobrenome", "patient name", "employee name", "contact name", "passenger name",
    ),
    "an e-mail address": ("email", "e mail", "mail address", "emailadresse", "courriel", "correo"),
    "a phone number": (
        "phone", "telephone", "mobile", "cell phone", "fax", "telefon", "telefonnummer", "handy", "mobilnummer", "rufnummer", "telefono", "telefone",
        "phone number", "tel", "msisdn", "telefoon",
    ),
    "a postal address": ("street", "address", "strasse", "str", "anschrift", "adresse", "direccion", "indirizzo", "rue", "hausnummer", "house number", "straat"),
    "a bank account": ("iban", "bic", "account number", "kontonummer", "bank account", "sort code"),
    "a card number": ("credit card", "card number", "kreditkarte", "kartennummer", "cc number", "cvv"),
    "an identity number": (
        "ssn", "social security", "sozialversicherungsnummer", "steuernummer", "steuer id", "tax id", "passport", "passport number", "reisepass",
        "personalausweis", "national id", "nino", "dni", "driver license", "drivers license", "fuehrerschein",
    ),
    "a date of birth": ("birth date", "birthdate", "date of birth", "dob", "birthday", "geburtsdatum", "geburtstag", "date naissance", "fecha nacimiento", "data nascita"),
    "an IP address": ("ip", "ip address", "ip adresse", "ipv4", "ipv6", "client ip"),
    "a position": ("latitude longitude", "gps", "home latitude", "home longitude"),
}  # fmt: skip
_IS_PHRASE = {phrase: what for what, phrases in _PHRASES.items() for phrase in phrases}
# Words beside a phrase that make it something else: an e-mail count, a phone's brand, whether there is an address.
_HARMLESS = frozenset((
    "count", "counts", "number_of", "n", "num", "total", "has", "is", "any", "days", "clicks", "opens", "opened",
    "sent", "open", "rate", "share", "brand", "model", "type", "kind", "plan", "os", "service", "services", "lines",
    "multiple", "change", "changed", "changes", "verified", "valid", "length", "len", "domain", "provider", "optin",
    "opt", "in", "usage", "minutes", "charges", "sales", "price", "cost", "cover", "color", "colour", "size",
    "id_count", "frequency",
))  # fmt: skip
# SQL over a text `{v}` that holds for values of that kind.
PATTERNS = {
    "e-mail addresses": r"regexp_full_match({v}, '[^@\s]+@[^@\s]+\.[A-Za-z]{{2,}}')",
    "IBANs": r"regexp_full_match(replace({v}, ' ', ''), '[A-Z]{{2}}[0-9]{{2}}[A-Z0-9]{{11,30}}') and length(replace({v}, ' ', '')) between 15 and 34",
    "IP addresses": r"regexp_full_match({v}, '((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){{3}}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])')",
    "phone numbers": r"regexp_full_match({v}, '(\+|00)[1-9][0-9 ()/.-]{{6,18}}[0-9]|\(?0[0-9]{{1,5}}[)/ -]+[0-9][0-9 -]{{3,12}}[0-9]|\(?[0-9]{{3}}\)?[ .-][0-9]{{3}}[ .-][0-9]{{4}}')",
    "card numbers": (
        r"regexp_full_match({v}, '[0-9]{{4}}([ -]?[0-9]{{3,6}}){{2,3}}') and length(regexp_replace({v}, '[ -]', '', 'g')) between 13 and 19 and "
        r"list_sum(list_transform(str_split(reverse(regexp_replace({v}, '[ -]', '', 'g')), ''), lambda d, i: "
        r"case when i % 2 = 1 then try_cast(d as int) else (2 * try_cast(d as int)) // 10 + (2 * try_cast(d as int)) % 10 end)) % 10 = 0"
    ),
}  # fmt: skip
# The share of values that must look so. One in ten numbers passes the check digit of cards by chance.
LEAST_SHARE = 0.8


def personal_by_header(header: str) -> str:
    """What of a person the header speaks of, such as `an e-mail address`; the empty text for none."""
    words = plain_words(header)
    if (
        len(words) > 1
        and set(words) & _HARMLESS
        and not (set(words) <= {"phone", "number", "house", "card", "account", "passport", "tax", "id"})
    ):
        return ""
    if words == ["name"]:
        return "a person's name"
    for length in (3, 2, 1):
        for start in range(len(words) - length + 1):
            found = _IS_PHRASE.get(" ".join(words[start : start + length]))
            if found:
                return found
    return ""


def hidden_if_personal(header: str, value: str) -> str:
    """The value, or words in its place where the header speaks of a person."""
    return "(personal data)" if personal_by_header(header) else value


def pattern_counts(value: str) -> dict[str, str]:
    """Kind of personal data → SQL condition on the text expression `value`."""
    return {kind: f"({sql.format(v=value)})" for kind, sql in PATTERNS.items()}
