// Counts calls of the heap in the whole process, in place of the C library's functions of these names.
#pragma once
#include <stdint.h>

/// Calls of malloc and its kin so far, by any thread and library.
uint64_t allocation_count(void);
/// Bytes of the heap that are in use.
uint64_t allocated_byte_count(void);
