"""What a spreadsheet shows where a formula has failed: no value of any field, whatever column it stands in."""

_NAMES = (
    # Excel and Google Sheets in English, then in Portuguese
    *("#N/A", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#DIV/0!", "#SPILL!", "#CALC!", "#FIELD!", "#ERROR!"),
    *("#CONNECT!", "#BLOCKED!", "#UNKNOWN!", "#BUSY!", "#PYTHON!", "#EXTERNAL!", "#TIMEOUT!", "#GETTING_DATA"),
    *("#N/D", "#VALOR!", "#NOME?", "#NÚM!", "#NULO!", "#DESPEJAR!", "#CÁLC!", "#CAMPO!", "#ERRO!"),
    *("#CONECTAR!", "#BLOQUEADO!", "#DESCONHECIDO!", "#OCUPADO!", "#EXTERNO!", "#OBTENDO_DADOS"),
    # LibreOffice in Portuguese, where it says otherwise
    "#N/DISP",
)
SHOWN_ERRORS = frozenset(_NAMES)


def shows_error(text: str) -> bool:
    """Tell whether a trimmed text is what a spreadsheet shows in place of a value: ``#N/A``, ``#REF!`` and the like.

    In English and Portuguese, in any case; also LibreOffice's numbers (``Err:508``).
    """
    if text.startswith("#"):
        return text.upper() in SHOWN_ERRORS
    return text.startswith(("Err:", "Erro:")) and text.partition(":")[2].isdecimal()
