// The only place that names this library's headers.
#pragma once
#include <libxml/SAX2.h>
#include <libxml/parser.h>
