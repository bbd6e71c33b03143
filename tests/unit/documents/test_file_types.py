"""Which files may be uploaded."""

from zhiku.documents.file_types import EXTENSIONS
from zhiku.ingestion.extract.detect import supported_extensions


def test_every_extension_that_is_accepted_has_a_parser_and_the_other_way_round() -> None:
    assert supported_extensions() == EXTENSIONS
