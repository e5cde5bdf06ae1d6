// Loops over rows of pairs of elements, either of which may be one number for the whole row. They use
// `out`, `a`, `a_row`, `a_step`, `b`, `b_row`, `b_step`, `rows` and `n` as the functions have them that
// arrays.h and elementwise.h declare; `value` is in terms of u and v.
#pragma once

#define HR_PAIR_LOOP(TYPE, value, A, B)                               \
  for (size_t r = 0; r < rows; r++, out += n, a += a_row, b += b_row) \
    for (size_t i = 0; i < n; i++) {                                  \
      const TYPE u = a[A], v = b[B];                                  \
      out[i] = (value);                                               \
    }

// The steps are constants in each loop, so that it vectorizes.
#define HR_EACH_PAIR(TYPE, value)     \
  if (a_step && b_step) {             \
    HR_PAIR_LOOP(TYPE, value, i, i)   \
  } else if (a_step) {                \
    HR_PAIR_LOOP(TYPE, value, i, 0)   \
  } else if (b_step) {                \
    HR_PAIR_LOOP(TYPE, value, 0, i)   \
  } else {                            \
    HR_PAIR_LOOP(TYPE, value, 0, 0)   \
  }
