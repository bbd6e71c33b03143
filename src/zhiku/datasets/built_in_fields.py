"""The five metadata fields that every document has without anybody writing them (contract 6)."""

BUILT_IN_ID = "built-in"
DOCUMENT_NAME, UPLOADER, UPLOAD_DATE = "document_name", "uploader", "upload_date"
LAST_UPDATE_DATE, SOURCE = "last_update_date", "source"

BUILT_IN_TYPES = {
    DOCUMENT_NAME: "string",
    UPLOADER: "string",
    UPLOAD_DATE: "time",
    LAST_UPDATE_DATE: "time",
    SOURCE: "string",
}
"""Name to type, in the order in which the contract shows them."""

SOURCES = {
    "upload_file": "file_upload",
    "local_file": "file_upload",
    "website_crawl": "website",
    "notion_import": "notion",
    "online_document": "online_document",
    "online_drive": "online_drive",
}
"""A document's `data_source_type` to the value of `source`."""
