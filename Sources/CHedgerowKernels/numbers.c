#define _GNU_SOURCE
#include "text.h"
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ZEROS 0x3030303030303030ull

// The last `count` (1 to 8) of the 8 bytes that end at `end`, as a number; 0 in *ok if one of them
// is no digit. (Lemire's eight digits in three multiplications.)
static inline uint64_t digits8(const uint8_t *end, size_t count, int *ok) {
  uint64_t x;
  memcpy(&x, end - 8, 8);
  const int drop = 8 * (8 - (int)count);
  const uint64_t fill = drop ? ZEROS >> (64 - drop) : 0;
  x = ((x >> drop) << drop) | fill;
  *ok &= (((x + 0x4646464646464646ull) | (x - ZEROS)) & 0x8080808080808080ull) == 0;
  x -= ZEROS;
  x = x * 10 + (x >> 8);
  return (((x & 0x000000FF000000FFull) * 0x000F424000000064ull) +
          (((x >> 16) & 0x000000FF000000FFull) * 0x0000271000000001ull)) >>
         32;
}

// Up to 19 digits, so below 10^19 < 2^64.
static inline int unsigned_digits(const uint8_t *bytes, size_t count, uint64_t *out) {
  if (count == 0 || count > 19) return 0;
  int ok = 1;
  uint64_t value;
  if (count <= 8) {
    value = digits8(bytes + count, count, &ok);
  } else if (count <= 16) {
    value = digits8(bytes + count - 8, count - 8, &ok) * 100000000u +
            digits8(bytes + count, 8, &ok);
  } else {
    value = digits8(bytes + count - 16, count - 16, &ok) * 10000000000000000ull +
            digits8(bytes + count - 8, 8, &ok) * 100000000u + digits8(bytes + count, 8, &ok);
  }
  *out = value;
  return ok;
}

static inline int canonical(const uint8_t *bytes, size_t count, int64_t *out) {
  if (count == 0) return 0;
  const int negative = bytes[0] == '-';
  bytes += negative;
  count -= (size_t)negative;
  uint64_t value;
  if (!unsigned_digits(bytes, count, &value)) return 0;
  if (bytes[0] == '0' && (count > 1 || negative)) return 0;
  if (value > (uint64_t)INT64_MAX + (uint64_t)negative) return 0;
  *out = (int64_t)(negative ? 0 - value : value);
  return 1;
}

static inline int is_space(uint8_t byte) { return byte == ' ' || byte == '\t'; }

static inline void trim(const uint8_t **bytes, size_t *count) {
  while (*count && is_space(**bytes)) {
    ++*bytes;
    --*count;
  }
  while (*count && is_space((*bytes)[*count - 1])) --*count;
}

size_t hr_parse_keys(const uint8_t *bytes, const hr_field *fields, size_t stride, size_t rows,
                     int64_t *out) {
  for (size_t row = 0; row < rows; row++) {
    const hr_field field = fields[row * stride];
    const uint8_t *text = bytes + field.begin;
    size_t count = hr_field_end(field) - field.begin;
    if (canonical(text, count, out + row)) continue;
    if (field.end & HR_FIELD_QUOTED) return row;
    trim(&text, &count);
    if (!canonical(text, count, out + row)) return row;
  }
  return rows;
}

int hr_parse_int64(const uint8_t *bytes, size_t count, int64_t *out) {
  trim(&bytes, &count);
  if (count == 0) return 0;
  const int negative = bytes[0] == '-';
  const int sign = negative || bytes[0] == '+';
  bytes += sign;
  count -= (size_t)sign;
  while (count > 1 && *bytes == '0') {
    bytes++;
    count--;
  }
  uint64_t value;
  if (!unsigned_digits(bytes, count, &value)) return 0;
  if (value > (uint64_t)INT64_MAX + (uint64_t)negative) return 0;
  *out = (int64_t)(negative ? 0 - value : value);
  return 1;
}

// A decimal number taken apart: mantissa * 10^exponent, exact when `exact`.
typedef struct decimal {
  uint64_t mantissa;
  int64_t exponent;
  int negative, exact, has_mark, leading_zero, has_plus;
} decimal;

static int read_decimal(const uint8_t *bytes, size_t count, decimal *out) {
  size_t i = 0, digits = 0, significant = 0;
  *out = (decimal){.exact = 1};
  if (i < count && (bytes[i] == '-' || bytes[i] == '+')) {
    out->negative = bytes[i] == '-';
    out->has_plus = bytes[i] == '+';
    i++;
  }
  const size_t first = i;
  int after_point = 0;
  for (; i < count; i++) {
    const uint8_t digit = (uint8_t)(bytes[i] - '0');
    if (digit <= 9) {
      digits++;
      if (significant || digit) significant++;
      if (significant <= 19) {
        out->mantissa = out->mantissa * 10 + digit;
        out->exponent -= after_point;
      } else {
        out->exact &= digit == 0;
        out->exponent += !after_point;
      }
    } else if (bytes[i] == '.' && !after_point) {
      after_point = out->has_mark = 1;
    } else {
      break;
    }
  }
  if (!digits) return 0;
  out->leading_zero =
      bytes[first] == '0' && first + 1 < count && (uint8_t)(bytes[first + 1] - '0') <= 9;
  if (i == count) return 1;
  if (bytes[i] != 'e' && bytes[i] != 'E') return 0;
  out->has_mark = 1;
  i++;
  int negative = 0;
  if (i < count && (bytes[i] == '-' || bytes[i] == '+')) negative = bytes[i++] == '-';
  if (i == count) return 0;
  int64_t exponent = 0;
  for (; i < count; i++) {
    const uint8_t digit = (uint8_t)(bytes[i] - '0');
    if (digit > 9) return 0;
    if (exponent < 100000000) exponent = exponent * 10 + digit;
  }
  out->exponent += negative ? -exponent : exponent;
  return 1;
}

static int equals(const uint8_t *bytes, size_t count, const char *word) {
  if (strlen(word) != count) return 0;
  for (size_t i = 0; i < count; i++)
    if ((bytes[i] | 0x20) != (uint8_t)word[i]) return 0;
  return 1;
}

static int read_special(const uint8_t *bytes, size_t count, double *out) {
  const int negative = count && bytes[0] == '-';
  const int sign = negative || (count && bytes[0] == '+');
  bytes += sign;
  count -= (size_t)sign;
  if (equals(bytes, count, "nan"))
    *out = NAN;
  else if (equals(bytes, count, "inf") || equals(bytes, count, "infinity"))
    *out = negative ? -INFINITY : INFINITY;
  else
    return 0;
  return 1;
}

static locale_t c_locale;
__attribute__((constructor)) static void make_locale(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

// The C library rounds correctly whatever the number of digits; the text is a checked decimal.
static void exact_slowly(const uint8_t *bytes, size_t count, double *d, float *f) {
  char local[128];
  char *text = count < sizeof local ? local : malloc(count + 1);
  memcpy(text, bytes, count);
  text[count] = 0;
  if (d) *d = strtod_l(text, NULL, c_locale);
  if (f) *f = strtof_l(text, NULL, c_locale);
  if (text != local) free(text);
}

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

int hr_parse_double(const uint8_t *bytes, size_t count, double *out) {
  trim(&bytes, &count);
  decimal number;
  if (!read_decimal(bytes, count, &number)) return read_special(bytes, count, out);
  // Clinger's fast path: both factors are exact, so one rounding.
  if (number.exact && number.mantissa <= 1ull << 53 && number.exponent >= -22 &&
      number.exponent <= 22) {
    double value = (double)number.mantissa;
    value = number.exponent < 0 ? value / powers[-number.exponent] : value * powers[number.exponent];
    *out = number.negative ? -value : value;
  } else {
    exact_slowly(bytes, count, out, NULL);
  }
  return 1;
}

int hr_parse_float(const uint8_t *bytes, size_t count, float *out) {
  trim(&bytes, &count);
  decimal number;
  if (!read_decimal(bytes, count, &number)) {
    double special;
    if (!read_special(bytes, count, &special)) return 0;
    *out = (float)special;
    return 1;
  }
  if (number.exact && number.mantissa <= 1u << 24 && number.exponent >= -10 &&
      number.exponent <= 10) {
    float value = (float)number.mantissa;
    if (number.exponent < 0)
      value /= (float)powers[-number.exponent];
    else
      value *= (float)powers[number.exponent];
    *out = number.negative ? -value : value;
  } else {
    exact_slowly(bytes, count, NULL, out);
  }
  return 1;
}

uint32_t hr_classify(const uint8_t *bytes, size_t count) {
  int64_t integer;
  if (canonical(bytes, count, &integer)) return HR_CLASS_INTEGER;
  trim(&bytes, &count);
  if (count == 0) return HR_CLASS_EMPTY;
  if (canonical(bytes, count, &integer)) return HR_CLASS_INTEGER;
  if (equals(bytes, count, "true") || equals(bytes, count, "false")) return HR_CLASS_BOOL;
  double special;
  if (read_special(bytes, count, &special)) return HR_CLASS_SPECIAL;
  decimal number;
  // A number with a leading zero or plus is a code, not a quantity, unless the header says so.
  if (!read_decimal(bytes, count, &number) || number.leading_zero || number.has_plus)
    return HR_CLASS_TEXT;
  if (number.has_mark) return HR_CLASS_DECIMAL;
  return bytes[0] == '-' && count == 2 ? HR_CLASS_TEXT /* -0 */ : HR_CLASS_LONG;
}

uint32_t hr_classify_column(const uint8_t *bytes, const hr_field *fields, size_t stride,
                            size_t rows) {
  uint32_t seen = 0;
  for (size_t row = 0; row < rows; row++) {
    const hr_field field = fields[row * stride];
    seen |= hr_classify(bytes + field.begin, hr_field_end(field) - field.begin);
  }
  return seen;
}

static inline int is_blank(const uint8_t *bytes, size_t count) {
  while (count && is_space(*bytes)) {
    bytes++;
    count--;
  }
  return count == 0;
}

#define PARSE_COLUMN(name, type, parse)                                                       \
  size_t name(const uint8_t *bytes, const hr_field *fields, size_t stride, size_t rows,       \
              type *out, uint8_t *valid) {                                                    \
    for (size_t row = 0; row < rows; row++) {                                                 \
      const hr_field field = fields[row * stride];                                            \
      const uint8_t *text = bytes + field.begin;                                              \
      const size_t count = hr_field_end(field) - field.begin;                                 \
      valid[row] = 1;                                                                         \
      if (parse(text, count, out + row)) continue;                                            \
      if (!is_blank(text, count)) return row;                                                 \
      out[row] = 0;                                                                           \
      valid[row] = 0;                                                                         \
    }                                                                                         \
    return rows;                                                                              \
  }

PARSE_COLUMN(hr_parse_int64_column, int64_t, hr_parse_int64)
PARSE_COLUMN(hr_parse_double_column, double, hr_parse_double)
PARSE_COLUMN(hr_parse_float_column, float, hr_parse_float)
