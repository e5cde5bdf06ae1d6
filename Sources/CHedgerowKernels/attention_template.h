// The attention of graph.h for one element type, over what graph_template.h has of it.

// Attention: what an edge weighs is exp(leaky(source's score + target's score)), over the sum of that
// over the target's edges. Nothing is kept for an edge: what is needed of it is made again, for some
// edges at a time, from numbers of its ends.

static inline T NAME(leaky)(T x, T slope) { return x > 0 ? x : slope * x; }

HR_CLONES void NAME(hr_attention)(T *restrict y, T *restrict maxima, T *restrict sums,
                                  const T *restrict x, const T *restrict source_scores,
                                  const T *restrict target_scores,
                                  const uint32_t *restrict offsets,
                                  const uint32_t *restrict sources, T slope, size_t heads,
                                  size_t begin, size_t end, size_t width) {
  T weights[EDGES * MOST_HEADS];
  const size_t last = offsets[end], inside = width / heads;
  for (size_t t = begin; t < end; t++) {
    const size_t first = offsets[t], stop = offsets[t + 1];
    const T *own = target_scores + t * heads;
    T *row = y + t * width, *maximum = maxima + t * heads, *sum = sums + t * heads;
    for (size_t h = 0; h < heads; h++) maximum[h] = -(T)INFINITY, sum[h] = 0;
    for (size_t e = first; e < stop; e++) {
      if (e + AHEAD < last) __builtin_prefetch(source_scores + sources[e + AHEAD] * heads);
      const T *scores = source_scores + sources[e] * heads;
      for (size_t h = 0; h < heads; h++) {
        const T score = NAME(leaky)(scores[h] + own[h], slope);
        maximum[h] = score > maximum[h] || score != score ? score : maximum[h];
      }
    }
    for (size_t e = first; e < stop; e += EDGES) {
      const size_t count = stop - e < EDGES ? stop - e : EDGES;
      for (size_t i = 0; i < count; i++)
        for (size_t h = 0; h < heads; h++)
          weights[i * heads + h] =
              NAME(leaky)(source_scores[sources[e + i] * heads + h] + own[h], slope) - maximum[h];
      for (size_t i = 0; i < count * heads; i++) weights[i] = NAME(exp)(weights[i]);
      for (size_t i = 0; i < count; i++)
        for (size_t h = 0; h < heads; h++) sum[h] += weights[i * heads + h];
      NAME(weigh_row)(row, x, sources + e, weights, NULL, heads, 0, count, last - e, width,
                      e > first, false);
    }
    if (first == stop) memset(row, 0, width * sizeof(T));
    else
      for (size_t h = 0; h < heads; h++)
        for (size_t c = h * inside; c < (h + 1) * inside; c++) row[c] /= sum[h];
  }
}

// What the gradient takes of a target: for each head its score, maximum, 1 / sum, and dy times y.
enum { NAME(target_score), NAME(maximum), NAME(share), NAME(expected), NAME(numbers) };

// weights[i] and gradients[i], which holds dy x, of edges between the ends `own` and `others`.
static inline __attribute__((always_inline)) void NAME(attention_gradients)(
    T *restrict weights, T *restrict gradients, const T *restrict scores,
    const T *restrict maximum, const T *restrict share, const T *restrict expected, T slope,
    size_t count) {
  for (size_t i = 0; i < count; i++)
    weights[i] = NAME(exp)(NAME(leaky)(scores[i], slope) - maximum[i]) * share[i];
  for (size_t i = 0; i < count; i++)
    gradients[i] = weights[i] * (gradients[i] - expected[i]) * (scores[i] > 0 ? 1 : slope);
}

static inline __attribute__((always_inline)) void NAME(attention_targets)(
    T *restrict gradient, T *restrict targets, const T *restrict x, const T *restrict y,
    const T *restrict dy, const T *restrict source_scores, const T *restrict target_scores,
    const T *restrict maxima, const T *restrict sums, const uint32_t *restrict offsets,
    const uint32_t *restrict sources, T slope, size_t heads, size_t begin, size_t end,
    size_t width, size_t columns) {
  T scores[EDGES * MOST_HEADS], maximum[EDGES * MOST_HEADS], share[EDGES * MOST_HEADS];
  T expected[EDGES * MOST_HEADS], gradients[EDGES * MOST_HEADS], weights[EDGES * MOST_HEADS];
  const size_t last = offsets[end], inside = width / heads;
  for (size_t t = begin; t < end; t++) {
    T *numbers = targets + t * heads * NAME(numbers), *sum = gradient + t * heads;
    for (size_t h = 0; h < heads; h++) {
      sum[h] = 0;
      numbers[NAME(target_score) * heads + h] = target_scores[t * heads + h];
      numbers[NAME(maximum) * heads + h] = maxima[t * heads + h];
      numbers[NAME(share) * heads + h] = 1 / sums[t * heads + h];
    }
    NAME(dot_heads)(numbers + NAME(expected) * heads, y + t * width, dy + t * width, heads, inside,
                    columns);
    for (size_t e = offsets[t]; e < offsets[t + 1]; e += EDGES) {
      const size_t count = offsets[t + 1] - e < EDGES ? offsets[t + 1] - e : EDGES;
      for (size_t i = 0; i < count; i++) {
        if (e + i + AHEAD < last) {
          NAME(prefetch_row)(x + sources[e + i + AHEAD] * width, width);
          __builtin_prefetch(source_scores + sources[e + i + AHEAD] * heads);
        }
        const size_t s = sources[e + i];
        NAME(dot_heads)(gradients + i * heads, x + s * width, dy + t * width, heads, inside,
                        columns);
        for (size_t h = 0; h < heads; h++) {
          scores[i * heads + h] = source_scores[s * heads + h] + target_scores[t * heads + h];
          maximum[i * heads + h] = numbers[NAME(maximum) * heads + h];
          share[i * heads + h] = numbers[NAME(share) * heads + h];
          expected[i * heads + h] = numbers[NAME(expected) * heads + h];
        }
      }
      NAME(attention_gradients)(weights, gradients, scores, maximum, share, expected, slope,
                                count * heads);
      for (size_t i = 0; i < count; i++)
        for (size_t h = 0; h < heads; h++) sum[h] += gradients[i * heads + h];
    }
  }
}

HR_CLONES void NAME(hr_attention_backward_targets)(
    T *restrict gradient, T *restrict targets, const T *restrict x, const T *restrict y,
    const T *restrict dy, const T *restrict source_scores, const T *restrict target_scores,
    const T *restrict maxima, const T *restrict sums, const uint32_t *restrict offsets,
    const uint32_t *restrict sources, T slope, size_t heads, size_t begin, size_t end,
    size_t width) {
#define TARGETS(columns)                                                                         \
  NAME(attention_targets)(gradient, targets, x, y, dy, source_scores, target_scores, maxima,     \
                          sums, offsets, sources, slope, heads, begin, end, width, columns)
  BY_HEAD_WIDTH(TARGETS, width / heads)
#undef TARGETS
}

static inline __attribute__((always_inline)) void NAME(attention_sources)(
    T *restrict dx, T *restrict gradient, const T *restrict targets, const T *restrict x,
    const T *restrict dy, const T *restrict source_scores,
    const uint32_t *restrict transposed_offsets, const uint32_t *restrict ends,
    const uint32_t *restrict places, T slope, size_t heads, size_t begin, size_t end,
    size_t width, size_t columns) {
  T scores[EDGES * MOST_HEADS], maximum[EDGES * MOST_HEADS], share[EDGES * MOST_HEADS];
  T expected[EDGES * MOST_HEADS], gradients[EDGES * MOST_HEADS], weights[EDGES * MOST_HEADS];
  const size_t last = transposed_offsets[end], inside = width / heads;
  for (size_t r = begin; r < end; r++) {
    const size_t s = places ? places[r] : r;
    const size_t first = transposed_offsets[r], stop = transposed_offsets[r + 1];
    T *row = dx + r * width, *sum = gradient + r * heads;
    for (size_t h = 0; h < heads; h++) sum[h] = 0;
    if (first == stop) memset(row, 0, width * sizeof(T));
    for (size_t e = first; e < stop; e += EDGES) {
      const size_t count = stop - e < EDGES ? stop - e : EDGES;
      for (size_t i = 0; i < count; i++) {
        if (e + i + AHEAD < last) {
          NAME(prefetch_row)(dy + ends[e + i + AHEAD] * width, width);
          NAME(prefetch_row)(targets + ends[e + i + AHEAD] * heads * NAME(numbers),
                             heads * NAME(numbers));
        }
        const T *numbers = targets + ends[e + i] * heads * NAME(numbers);
        NAME(dot_heads)(gradients + i * heads, x + s * width, dy + ends[e + i] * width, heads,
                        inside, columns);
        for (size_t h = 0; h < heads; h++) {
          scores[i * heads + h] =
              source_scores[s * heads + h] + numbers[NAME(target_score) * heads + h];
          maximum[i * heads + h] = numbers[NAME(maximum) * heads + h];
          share[i * heads + h] = numbers[NAME(share) * heads + h];
          expected[i * heads + h] = numbers[NAME(expected) * heads + h];
        }
      }
      NAME(attention_gradients)(weights, gradients, scores, maximum, share, expected, slope,
                                count * heads);
      for (size_t i = 0; i < count; i++)
        for (size_t h = 0; h < heads; h++) sum[h] += gradients[i * heads + h];
      NAME(weigh_row)(row, dy, ends + e, weights, NULL, heads, 0, count, count, width, e > first,
                      false);
    }
  }
}

HR_CLONES void NAME(hr_attention_backward_sources)(
    T *restrict dx, T *restrict gradient, const T *restrict targets, const T *restrict x,
    const T *restrict dy, const T *restrict source_scores,
    const uint32_t *restrict transposed_offsets, const uint32_t *restrict ends,
    const uint32_t *restrict places, T slope, size_t heads, size_t begin, size_t end,
    size_t width) {
#define SOURCES(columns)                                                                         \
  NAME(attention_sources)(dx, gradient, targets, x, dy, source_scores, transposed_offsets, ends, \
                          places, slope, heads, begin, end, width, columns)
  BY_HEAD_WIDTH(SOURCES, width / heads)
#undef SOURCES
}
