// The only place that names this library's header.
#pragma once
#include <zstd.h>
#include <zstd_errors.h>
