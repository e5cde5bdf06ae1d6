// Delimited text: cutting rows into fields, checking text, reading numbers.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Bytes that must be readable before and after every text handed to these functions.
enum { HR_TEXT_PADDING = 64 };

/// One field: `bytes[begin ..< end]`. The top bit of `end` says that it stood in quotes.
typedef struct hr_field {
  uint32_t begin, end;
} hr_field;

#define HR_FIELD_QUOTED 0x80000000u
static inline uint32_t hr_field_end(hr_field field) { return field.end & ~HR_FIELD_QUOTED; }

/// Why `hr_split_rows` came back.
enum {
  HR_SPLIT_END,           // all rows were read
  HR_SPLIT_COLUMNS,       // a row has `found` fields, not `columns`; it is stepped over
  HR_SPLIT_QUOTE,         // a row has text after a closing quote; it is stepped over
  HR_SPLIT_UNTERMINATED,  // a quote that never closes; nothing is left
};

typedef struct hr_split {
  size_t position;    // where to go on
  size_t row_begin;   // of the row that stopped it
  uint32_t columns;   // fields of a row
  uint32_t found;     // fields of the row that stopped it
  uint8_t delimiter;  // a space stands for any number of spaces
  uint8_t comment;    // lines that begin with it are skipped; 0 for none
} hr_split;

/// Cuts rows that end in '\n' (or "\r\n") into fields; the last byte must be a '\n'. A quote counts
/// at the start of a field; doubled quotes are folded in place, so a text is split only once. Blank
/// lines are skipped. `fields` has room for `count + columns`. Returns the rows that were cut.
size_t hr_split_rows(uint8_t *bytes, size_t count, hr_split *split, hr_field *fields, int *status);

/// The byte after the last row that ends in `bytes[from ..< count]`, or 0; `from` begins a row.
size_t hr_last_row_end(const uint8_t *bytes, size_t from, size_t count, uint8_t delimiter,
                       uint8_t comment);

size_t hr_count_byte(const uint8_t *bytes, size_t count, uint8_t byte);
int hr_is_ascii(const uint8_t *bytes, size_t count);
/// Whether the bytes are UTF-8 as RFC 3629 has it: no surrogates, no overlong forms.
int hr_is_utf8(const uint8_t *bytes, size_t count);

/// Reads canonical decimal int64 ("7", "-7"; not "07", "+7", "-0") from one column of `rows` rows,
/// `stride` fields apart; spaces around a field without quotes do not count. Stops at the first
/// field that is none and returns its row, else `rows`.
size_t hr_parse_keys(const uint8_t *bytes, const hr_field *fields, size_t stride, size_t rows,
                     int64_t *out);

/// What the fields of a column look like.
enum {
  HR_CLASS_EMPTY = 1,
  HR_CLASS_INTEGER = 2,   // canonical and within int64
  HR_CLASS_LONG = 4,      // digits only, beyond int64
  HR_CLASS_DECIMAL = 8,   // a number with a point or an exponent
  HR_CLASS_SPECIAL = 16,  // nan, inf, infinity
  HR_CLASS_BOOL = 32,     // true, false
  HR_CLASS_TEXT = 64,
};
uint32_t hr_classify(const uint8_t *bytes, size_t count);
/// The union over a column.
uint32_t hr_classify_column(const uint8_t *bytes, const hr_field *fields, size_t stride,
                            size_t rows);

/// Numbers as a declared column accepts them: spaces around, a sign, leading zeros; for floats also
/// nan and inf. 1 when the whole text is one, else 0.
int hr_parse_int64(const uint8_t *bytes, size_t count, int64_t *out);
int hr_parse_double(const uint8_t *bytes, size_t count, double *out);
int hr_parse_float(const uint8_t *bytes, size_t count, float *out);

/// The same over a column: an empty field gives 0 and `valid` 0. Returns the first row that is no
/// such number, or `rows`.
size_t hr_parse_int64_column(const uint8_t *bytes, const hr_field *fields, size_t stride,
                             size_t rows, int64_t *out, uint8_t *valid);
size_t hr_parse_double_column(const uint8_t *bytes, const hr_field *fields, size_t stride,
                              size_t rows, double *out, uint8_t *valid);
size_t hr_parse_float_column(const uint8_t *bytes, const hr_field *fields, size_t stride,
                             size_t rows, float *out, uint8_t *valid);

/// Asks for bytes that are about to be read at places that are not known yet, all at once.
static inline void hr_prefetch(const void *bytes, size_t byte_count) {
  for (size_t at = 0; at < byte_count; at += 64) __builtin_prefetch((const char *)bytes + at);
}
