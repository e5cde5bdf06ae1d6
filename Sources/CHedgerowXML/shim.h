// The only place that names this library's headers.
#pragma once
#include <libxml/xmlversion.h>
// Some builds of the library show ICU's types in theirs, which are other ones than Foundation's ICU has; a
// file of Swift may see both. Nothing here reads the fields that are gone without them.
#undef LIBXML_ICU_ENABLED
#include <libxml/SAX2.h>
#include <libxml/parser.h>
