#!/bin/sh
# Prints the first Python from 3.11 to 3.13 on this machine, or says what is missing. PYTHON= overrides the search.
for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
done
echo "Zhiku needs Python 3.11, 3.12 or 3.13 and found none on PATH. Install one, or name it: make PYTHON=/path/to/python" >&2
exit 1
