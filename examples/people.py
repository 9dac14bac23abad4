"""Invented Brazilian people for the examples: every value is drawn at random and none is a real person's.

Nothing here knows ``phonenumbers``, ``validate-docbr`` or ``email-validator``: what is drawn is right by
construction, and ``tests/unit/examples/test_examples.py`` asks the three libraries whether they agree.
"""

import unicodedata
from dataclasses import dataclass
from random import Random


def words(text: str) -> list[str]:
    """Return the words of a list that is easier to read without quotes; ``~`` is a space within one."""
    return [word.replace("~", " ") for word in text.split()]


WOMEN = words("""
    Adriana Alícia Ana Beatriz Bruna Camila Conceição Débora Eduarda Fátima Flávia Heloísa Íris Isadora Jéssica Júlia
    Karina Laís Letícia Lívia Lúcia Maria Mônica Natália Olívia Patrícia Rafaela Raíssa Sônia Tainá Thaís Úrsula
    Valéria Yasmin Zélia
""")
MEN = words("""
    Aílton André Antônio Benício Caio Cauã César Cícero Davi Diogo Édson Élcio Fabrício Gabriel Gérson Hugo João
    Joaquim José Luís Marcelo Márcio Otávio Paulo Renan Rogério Sérgio Thiago Vinícius
""")
SURNAMES = words("""
    Abrantes Albuquerque Almeida Amâncio dos~Anjos do~Amaral Araújo Assunção Barcelos Barragão Bragança Brandão Cabral
    Camargo da~Câmara Carneiro da~Conceição Corrêa Damásio Falcão Félix Ferraço Figueirêdo da~Fonseca Furtado Galvão
    Gonçalves Guimarães Jordão Leão Lourenço Macêdo Magalhães Maranhão Mourão Negrão das~Neves da~Nóbrega Otoni
    Paixão Patrício Peçanha Penteado de~Queirós Quintão Rezende Romão de~Sá Salomão Santarém Serpa Simões Tavares
    Teófilo Trajano Uchôa Valadão Vasconcelos Venâncio Viégas Ximenes Zanão
""")
BUSINESSES = ("Padaria", "Oficina", "Clínica", "Mercearia", "Ótica", "Papelaria", "Confecções", "Açougue", "Salão")
SAINTS = ("Santa Rita", "São João", "Três Irmãos", "Boa Esperança", "Água Viva", "Bom Jesus", "Maçã & Cia")
DOMAINS = words("""
    acougueboaesperanca.com.br bicicletariadoze.com.br clinicaaguaviva.med.br confeccoesipezinho.com.br
    contabilmandacaru.cnt.br correiodavilanova.com.br docesdadonazefa.com.br escolapingodetinta.edu.br
    livrariacapivara.com.br mercearialaranjal.com.br moveisjatobazal.ind.br oficinatresirmaos.com.br
    oticasolnascente.com.br padariasantarita.com.br papelariacanetaazul.com.br petshopcaramelo.vet.br
    rocadopequi.agr.br salaocachoeirinha.com.br sitiodasmangabas.eco.br varandaeredes.art.br
""")
TAGS = (
    "Quente", "Frio", "Morno", "VIP", "Indicação", "Promoção de Verão", "Zona Sul", "Zona Norte", "Região dos Lagos",
    "Pós-venda", "Orçamento enviado", "Não perturbar", "Feira de São Paulo", "Black Friday", "Instagram",
    "Site", "Telefone", "Retornar em março", "Cliente antigo", "Revendedor", "Atacado", "Varejo", "Pessoa Jurídica",
    "Aniversário", "Convênio",
)  # fmt: skip
CITIES = words("""
    Aracaju Belém Blumenau Campinas Curitiba Florianópolis Fortaleza Goiânia João~Pessoa Londrina Maceió Niterói
    Recife Ribeirão~Preto Salvador Santos São~Luís São~Paulo Uberlândia Vitória
""")
AREA_CODES = words("""
    11 11 11 11 11 12 13 14 15 16 17 18 19 19 21 21 21 22 24 27 28 31 31 31 32 33 34 35 37 38 41 41 42 43 44 45 46
    47 47 48 48 49 51 51 53 54 55 61 61 62 62 63 64 65 66 67 68 69 71 71 73 74 75 77 79 81 81 82 83 84 85 85 86 87
    88 89 91 91 92 93 94 95 96 97 98 99
""")
FORMATS = (
    "({area}) {first}-{last}", "({area}) {first}-{last}", "({area}) {first}-{last}", "{area}{first}{last}",
    "{area}{first}{last}", "+55 {area} {first}-{last}", "+55 {area} {first}-{last}", "0{area} {first}-{last}",
    "+55{area}{first}{last}", "55{area}{first}{last}", "({area}){first}-{last}", "{area} {first} {last}",
    "{area}-{first}-{last}", "{area}.{first}.{last}", "+55 ({area}) {first} {last}",
)  # fmt: skip
LANDLINE_DIGITS, MOBILE_DIGITS = 10, 11
NINTH_DIGIT = "9"
OLD_MOBILE_STARTS = "6789"
"""What a Brazilian mobile began with when it had eight digits; landlines begin with 2 to 5."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone as Leadflow must store it."""

    dial_code: str
    country_code: str
    national: str

    @property
    def is_mobile(self) -> bool:
        """Say whether the phone is a Brazilian mobile."""
        return self.country_code == "BR" and len(self.national) == MOBILE_DIGITS

    @property
    def is_landline(self) -> bool:
        """Say whether the phone is a Brazilian landline."""
        return self.country_code == "BR" and len(self.national) == LANDLINE_DIGITS

    @property
    def has_old_form(self) -> bool:
        """Say whether the phone is a mobile that may have existed before the ninth digit did."""
        return self.is_mobile and self.national[3] in OLD_MOBILE_STARTS

    @property
    def old_form(self) -> str:
        return self.national[:2] + self.national[3:]


@dataclass(frozen=True, slots=True)
class Lead:
    """A row: the five cells as a person typed them, and the phone that they mean."""

    name: str
    phone: Phone
    typed_phone: str
    cpf: str
    email: str
    tags: tuple[str, ...]

    @property
    def cells(self) -> list[str]:
        return [self.name, self.typed_phone, self.cpf, self.email, ", ".join(self.tags)]


def chance(rng: Random, probability: float) -> bool:
    return rng.random() < probability


def digits(rng: Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def mobile(rng: Random) -> Phone:
    # After the ninth digit some begin with 1 to 5: without it those would be someone's landline, or nothing.
    start = rng.choice(OLD_MOBILE_STARTS * 4 + "12345")
    return Phone("55", "BR", rng.choice(AREA_CODES) + NINTH_DIGIT + start + digits(rng, 7))


def landline(rng: Random) -> Phone:
    return Phone("55", "BR", rng.choice(AREA_CODES) + rng.choice("2345") + digits(rng, 7))


def foreign(rng: Random) -> tuple[Phone, str]:
    """Return a mobile of Portugal, the United States or Argentina, and how it is typed."""
    country, last = rng.choice(("PT", "US", "AR")), digits(rng, 4)
    if country == "PT":
        first, middle = rng.choice(("91", "93", "96")) + digits(rng, 1), digits(rng, 3)
        return Phone("351", "PT", first + middle + last[1:]), f"+351 {first} {middle} {last[1:]}"
    if country == "US":
        area, exchange = rng.choice(("305", "407", "617", "786")), rng.choice("23456789") + "4" + digits(rng, 1)
        return Phone("1", "US", area + exchange + last), f"+1 ({area}) {exchange}-{last}"
    first = rng.choice("3456") + digits(rng, 3)
    return Phone("54", "AR", "911" + first + last), f"+54 9 11 {first}-{last}"


def typed(rng: Random, phone: Phone, *, old_form: bool = False) -> str:
    """Return a Brazilian phone as somebody would type it, if asked without the ninth digit."""
    number = phone.old_form if old_form else phone.national
    return rng.choice(FORMATS).format(area=number[:2], first=number[2:-4], last=number[-4:])


def phone_and_typed(rng: Random) -> tuple[Phone, str]:
    if chance(rng, 0.006):
        return foreign(rng)
    phone = landline(rng) if chance(rng, 0.08) else mobile(rng)
    return phone, typed(rng, phone, old_form=phone.has_old_form and chance(rng, 0.12))


def person(rng: Random) -> str:
    """Return a name with one or two surnames, at times in capitals or with a space too many."""
    given = rng.choice((WOMEN, MEN))
    name = " ".join(rng.sample(given, rng.choice((1, 1, 2))) + rng.sample(SURNAMES, rng.choice((1, 1, 2))))
    if chance(rng, 0.12):
        return name.upper()
    return name + " " if chance(rng, 0.01) else name


def business(rng: Random) -> str:
    return f"{rng.choice(BUSINESSES)} {rng.choice(SAINTS)} {rng.choice(('', 'Ltda', 'ME', '- Filial 2'))}".strip()


def check_digit(numbers: str) -> str:
    """Return the next check digit of a CPF whose first nine or ten digits are given."""
    total = sum(int(digit) * weight for digit, weight in zip(numbers, range(len(numbers) + 1, 1, -1), strict=True))
    return str(total * 10 % 11 % 10)


def cpf(rng: Random) -> str:
    """Return a CPF of eleven digits; one in six begins with a zero, and some with two."""
    zeros = rng.choice(("0", "", "", "", "", "")) + rng.choice(("0", *[""] * 11))
    numbers = zeros + digits(rng, 9 - len(zeros))
    if len(set(numbers)) == 1:
        return cpf(rng)
    numbers += check_digit(numbers)
    return numbers + check_digit(numbers)


def with_punctuation(number: str) -> str:
    return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


def email(rng: Random, name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    parts = ["".join(filter(str.isalnum, part)) for part in plain.split()]
    local = rng.choice((".", "_", "")).join([parts[0], parts[-1]]) + rng.choice(("", "", str(rng.randrange(100))))
    address = f"{local}@{rng.choice(DOMAINS)}"
    return address.upper() if chance(rng, 0.02) else address


def lead(rng: Random, phone: Phone, typed_phone: str) -> Lead:
    name = business(rng) if chance(rng, 0.05) else person(rng)
    number = cpf(rng) if chance(rng, 0.55) else ""
    if number and chance(rng, 0.5):
        number = with_punctuation(number)
    address = email(rng, name) if chance(rng, 0.6) else ""
    tags = tuple(rng.sample(TAGS, rng.choice((0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5))))
    return Lead(name, phone, typed_phone, number, address, tags)


def leads(rng: Random, count: int, taken: set[str]) -> list[Lead]:
    """Return ``count`` leads whose phones are not in ``taken`` (national numbers), and take them."""
    people: list[Lead] = []
    while len(people) < count:
        phone, typed_phone = phone_and_typed(rng)
        if phone.national not in taken:
            taken.add(phone.national)
            people.append(lead(rng, phone, typed_phone))
    return people
