// The loops of arrays.h for one element type: T, its suffix in NAME, its functions of libm in FUNCTION
// and UNIT_BITS, the bits of a uniform number.

HR_CLONES void NAME(hr_select)(T *restrict out, const bool *restrict mask, const T *restrict a,
                               size_t a_step, const T *restrict b, size_t b_step, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const T u = a[i * a_step], v = b[i * b_step];
    out[i] = mask[i] ? u : v;
  }
}

HR_CLONES void NAME(hr_log_sum_exp)(T *restrict y, const T *restrict x, size_t rows,
                                    size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns) {
    T max = (T)-INFINITY, sum = 0;
    for (size_t c = 0; c < columns; c++) max = x[c] > max || x[c] != x[c] ? x[c] : max;
    // An infinity, or NaN, is the result: differences with it mean nothing.
    if (!(FUNCTION(fabs)(max) < (T)INFINITY)) {
      y[r] = max;
      continue;
    }
    for (size_t c = 0; c < columns; c++) sum += FUNCTION(exp)(x[c] - max);
    y[r] = max + FUNCTION(log)(sum);
  }
}

HR_CLONES void NAME(hr_log_sum_exp_backward)(T *restrict dx, const T *restrict dy,
                                             const T *restrict x, const T *restrict y,
                                             size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, dx += columns)
    for (size_t c = 0; c < columns; c++)
      dx[c] = x[c] == (T)-INFINITY ? 0 : dy[r] * FUNCTION(exp)(x[c] - y[r]);
}

HR_CLONES void NAME(hr_product)(T *restrict y, const T *restrict x, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns) {
    T product = 1;
    for (size_t c = 0; c < columns; c++) product *= x[c];
    y[r] = product;
  }
}

HR_CLONES void NAME(hr_product_backward)(T *restrict dx, const T *restrict dy,
                                         const T *restrict x, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, dx += columns) {
    // Those in front times those behind: a zero leaves the others' alone.
    T front = dy[r], behind = 1;
    for (size_t c = 0; c < columns; c++) {
      dx[c] = front;
      front *= x[c];
    }
    for (size_t c = columns; c-- > 0;) {
      dx[c] *= behind;
      behind *= x[c];
    }
  }
}

HR_CLONES void NAME(hr_cumulative_sum)(T *restrict y, const T *restrict x, size_t rows,
                                       size_t columns, bool is_backward) {
  if (rows == 0) return;
  const ptrdiff_t step = is_backward ? -(ptrdiff_t)columns : (ptrdiff_t)columns;
  if (is_backward) {
    x += (rows - 1) * columns;
    y += (rows - 1) * columns;
  }
  memcpy(y, x, columns * sizeof(T));
  for (size_t r = 1; r < rows; r++) {
    const T *restrict before = y;
    x += step;
    y += step;
    for (size_t c = 0; c < columns; c++) y[c] = before[c] + x[c];
  }
}

// Whether a stands before b; equal ones do not.
static inline bool NAME(precedes)(T a, T b, bool is_falling) {
  if (is_falling) return a > b || (a != a && b == b);
  return a < b || (b != b && a == a);
}

static void NAME(merge_sort)(int32_t *order, int32_t *scratch, const T *x, size_t n,
                             bool is_falling) {
  enum { RUN = 8 };
  for (size_t begin = 0; begin < n; begin += RUN) {
    const size_t end = begin + RUN < n ? begin + RUN : n;
    for (size_t i = begin; i < end; i++) {
      size_t place = i;
      for (; place > begin && NAME(precedes)(x[i], x[order[place - 1]], is_falling); place--)
        order[place] = order[place - 1];
      order[place] = (int32_t)i;
    }
  }
  int32_t *from = order, *to = scratch;
  for (size_t run = RUN; run < n; run *= 2) {
    for (size_t begin = 0; begin < n; begin += 2 * run) {
      const size_t middle = begin + run < n ? begin + run : n;
      const size_t end = middle + run < n ? middle + run : n;
      size_t i = begin, j = middle;
      for (size_t k = begin; k < end; k++) {
        const bool second =
            i == middle || (j < end && NAME(precedes)(x[from[j]], x[from[i]], is_falling));
        to[k] = second ? from[j++] : from[i++];
      }
    }
    int32_t *swap = from;
    from = to;
    to = swap;
  }
  if (from != order) memcpy(order, from, n * sizeof *order);
}

void NAME(hr_sort_rows)(int32_t *order, int32_t *scratch, const T *x, size_t rows, size_t columns,
                        bool is_falling) {
  for (size_t r = 0; r < rows; r++, x += columns, order += columns)
    NAME(merge_sort)(order, scratch, x, columns, is_falling);
}

HR_CLONES void NAME(hr_normal)(T *out, T mean, T deviation, uint64_t key, uint64_t first,
                               size_t n) {
  const T unit = (T)1 / (T)(1ull << UNIT_BITS);
  for (size_t i = 0; i < n; i++) {
    const uint64_t number = 2 * (first + i) + 1;
    const uint64_t a = mix(key + number * GAMMA) >> (64 - UNIT_BITS);
    const uint64_t b = mix(key + (number + 1) * GAMMA) >> (64 - UNIT_BITS);
    // In (0, 1], so that its logarithm is finite.
    const T radius = (T)(int64_t)(a + 1) * unit;
    const T turn = (T)(int64_t)b * unit;
    const T z = FUNCTION(sqrt)(-2 * FUNCTION(log)(radius)) * FUNCTION(cos)((T)(2 * M_PI) * turn);
    out[i] = mean + deviation * z;
  }
}

HR_CLONES size_t NAME(hr_first_not_finite)(const T *x, size_t n) {
  // A finite number less itself is zero, any other NaN; blocks are looked through without a branch.
  enum { BLOCK = 256 };
  for (size_t begin = 0; begin < n; begin += BLOCK) {
    const size_t end = begin + BLOCK < n ? begin + BLOCK : n;
    unsigned found = 0;
    for (size_t i = begin; i < end; i++) found |= !(x[i] - x[i] == 0);
    if (!found) continue;
    for (size_t i = begin; i < end; i++)
      if (!(x[i] - x[i] == 0)) return i;
  }
  return n;
}
