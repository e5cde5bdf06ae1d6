// The only place that names this library's header.
#pragma once
#include <snappy-c.h>
