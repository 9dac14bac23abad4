"""Placeholder until the real report lands."""


def csv_header() -> bytes:
    return b"name,phone,cpf,email,tags\r\n"


def csv_rows(rows: list[list[str]]) -> bytes:
    return b""


def xlsx_report(rows: list[list[str]]) -> bytes:
    return b""
