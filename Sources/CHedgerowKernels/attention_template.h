// The attention of graph.h for one element type, over what graph_template.h has of it. Rows of sources
// are of ROW, everything else of T, whose functions FULL names.

// What an edge weighs is exp(leaky(source's score + target's score)), over the sum of that over the
// target's edges. Nothing is kept for an edge: what is needed of it is made again from numbers of its
// ends, for EDGES edges at a time.
//
// Such numbers lie edge after edge, a power of two of heads each, `slots`, which is a constant where these
// functions are inlined; those of BLOCK go at a time, whatever number of edges they are. Numbers of one
// end are repeated to fill a block.
#define BLOCK 16
#define NUMBERS (EDGES * MOST_HEADS)
_Static_assert(BLOCK == MOST_HEADS, "a block holds at least one edge");

#ifndef HALVES
static inline T NAME(leaky)(T x, T slope) { return x > 0 ? x : slope * x; }

// out[i] = numbers[i mod slots], of which `heads` are there.
HR_INLINE void NAME(repeat)(T *restrict out, const T *restrict numbers, size_t heads, size_t slots) {
  for (size_t h = 0; h < slots; h++) out[h] = h < heads ? numbers[h] : 0;
  UNROLLED for (size_t i = slots; i < BLOCK; i++) out[i] = out[i - slots];
}

HR_INLINE void NAME(copy_heads)(T *restrict out, const T *restrict numbers, size_t heads,
                                size_t slots) {
  if (heads == slots)
    memcpy(out, numbers, slots * sizeof(T));
  else
    for (size_t h = 0; h < slots; h++) out[h] = h < heads ? numbers[h] : 0;
}

// Sums or maxima of a block's lanes by head, in pairs of ever nearer ones.
HR_INLINE void NAME(fold)(T *lanes, size_t slots, bool is_maximum) {
  UNROLLED for (size_t half = BLOCK / 2; half >= slots; half /= 2)
    UNROLLED for (size_t k = 0; k < half; k++) {
      const T other = lanes[k + half];
      if (is_maximum)
        lanes[k] = other > lanes[k] || other != other ? other : lanes[k];
      else
        lanes[k] += other;
    }
}

// scores[i] = leaky(scores[i] + own[i]), and -infinity up to a whole number of blocks. Takes each
// head's largest into `maxima`, which NaN wins.
HR_INLINE void NAME(score)(T *restrict scores, const T *restrict own, T *restrict maxima, T slope,
                           size_t count) {
  for (size_t i = 0; i < count; i += BLOCK) {
    UNROLLED for (size_t k = 0; k < BLOCK; k++) {
      const T leaky = NAME(leaky)(scores[i + k] + own[k], slope);
      const T score = i + k < count ? leaky : -(T)INFINITY;
      maxima[k] = score > maxima[k] || score != score ? score : maxima[k];
      scores[i + k] = score;
    }
  }
}
#endif

HR_INLINE void NAME(attention)(T *restrict y, T *restrict maxima, T *restrict sums,
                               const ROW *restrict x, const T *restrict source_scores,
                               const T *restrict target_scores, const uint32_t *restrict offsets,
                               const uint32_t *restrict sources, T slope, size_t heads,
                               size_t begin, size_t end, size_t width, size_t slots) {
  T weights[NUMBERS], own[BLOCK], maximum[BLOCK], sum[BLOCK];
  const size_t last = offsets[end], inside = width / heads;
  for (size_t t = begin; t < end; t++) {
    const size_t first = offsets[t], stop = offsets[t + 1];
    T *row = y + t * width;
    FULL(repeat)(own, target_scores + t * heads, heads, slots);
    for (size_t k = 0; k < BLOCK; k++) maximum[k] = -(T)INFINITY, sum[k] = 0;
    for (size_t e = first; e < stop; e += EDGES) {
      const size_t edges = stop - e < EDGES ? stop - e : EDGES, count = edges * slots;
      for (size_t i = 0; i < edges; i++) {
        if (e + i + AHEAD < last) {
          __builtin_prefetch(source_scores + sources[e + i + AHEAD] * heads);
          if (i < AHEAD) NAME(prefetch_row)(x + sources[e + i] * width, width);
        }
        FULL(copy_heads)(weights + i * slots, source_scores + sources[e + i] * heads, heads, slots);
      }
      T before[BLOCK];
      memcpy(before, maximum, sizeof before);
      FULL(score)(weights, own, maximum, slope, count);
      FULL(fold)(maximum, slots, true);
      FULL(repeat)(maximum, maximum, slots, slots);
      if (e > first) {
        // What was summed counts from the largest that was known then.
        for (size_t k = 0; k < BLOCK; k++) sum[k] *= FULL(exp)(before[k] - maximum[k]);
        for (size_t h = 0; h < heads; h++) {
          if (before[h] == maximum[h]) continue;
          const T factor = FULL(exp)(before[h] - maximum[h]);
          for (size_t c = h * inside; c < (h + 1) * inside; c++) row[c] *= factor;
        }
      }
      for (size_t i = 0; i < count; i += BLOCK)
        UNROLLED for (size_t k = 0; k < BLOCK; k++) {
          weights[i + k] = FULL(exp)(weights[i + k] - maximum[k]);
          sum[k] += weights[i + k];
        }
      NAME(weigh_row)(row, x, sources + e, weights, NULL, heads, slots, 0, edges, last - e, width,
                      e > first, false);
    }
    FULL(fold)(sum, slots, false);
    for (size_t h = 0; h < heads; h++) {
      maxima[t * heads + h] = maximum[h];
      sums[t * heads + h] = sum[h];
    }
    if (first == stop) memset(row, 0, width * sizeof(T));
    else
      for (size_t h = 0; h < heads; h++) {
        const T share = 1 / sum[h];
        for (size_t c = h * inside; c < (h + 1) * inside; c++) row[c] *= share;
      }
  }
}

// Calls a function whose last argument is the slots of so many heads.
#define BY_SLOTS(call, heads)                                                                    \
  if ((heads) == 1) call(1);                                                                     \
  else if ((heads) == 2) call(2);                                                                \
  else if ((heads) <= 4) call(4);                                                                \
  else if ((heads) <= 8) call(8);                                                                \
  else call(16);

HR_CLONES void NAME(hr_attention)(T *restrict y, T *restrict maxima, T *restrict sums,
                                  const ROW *restrict x, const T *restrict source_scores,
                                  const T *restrict target_scores,
                                  const uint32_t *restrict offsets,
                                  const uint32_t *restrict sources, T slope, size_t heads,
                                  size_t begin, size_t end, size_t width) {
#define ATTENTION(slots)                                                                         \
  NAME(attention)(y, maxima, sums, x, source_scores, target_scores, offsets, sources, slope,     \
                  heads, begin, end, width, slots)
  BY_SLOTS(ATTENTION, heads)
#undef ATTENTION
}

// What the gradient takes of a target: for each head its score, maximum, 1 / sum, and what it expects of
// dy times a source's row, which is dy times y.
enum { NAME(target_score), NAME(maximum), NAME(share), NAME(expected), NAME(numbers) };

HR_INLINE void NAME(attention_targets)(
    T *restrict gradient, T *restrict targets, const ROW *restrict x, const T *restrict dy,
    const T *restrict source_scores, const T *restrict target_scores, const T *restrict maxima,
    const T *restrict sums, const uint32_t *restrict offsets, const uint32_t *restrict sources,
    T slope, size_t heads, size_t begin, size_t end, size_t width, size_t slots) {
  T scores[NUMBERS], gradients[NUMBERS];
  T own[BLOCK], maximum[BLOCK], share[BLOCK], expected[BLOCK], sum[BLOCK], steepness[BLOCK];
  const size_t last = offsets[end], inside = width / heads;
  for (size_t t = begin; t < end; t++) {
    T *numbers = targets + t * heads * NAME(numbers);
    for (size_t h = 0; h < heads; h++) {
      numbers[NAME(target_score) * heads + h] = target_scores[t * heads + h];
      numbers[NAME(maximum) * heads + h] = maxima[t * heads + h];
      numbers[NAME(share) * heads + h] = 1 / sums[t * heads + h];
    }
    FULL(repeat)(own, numbers + NAME(target_score) * heads, heads, slots);
    FULL(repeat)(maximum, numbers + NAME(maximum) * heads, heads, slots);
    FULL(repeat)(share, numbers + NAME(share) * heads, heads, slots);
    for (size_t k = 0; k < BLOCK; k++) expected[k] = sum[k] = steepness[k] = 0;
    for (size_t e = offsets[t]; e < offsets[t + 1]; e += EDGES) {
      const size_t edges = offsets[t + 1] - e < EDGES ? offsets[t + 1] - e : EDGES;
      const size_t count = edges * slots;
      for (size_t i = 0; i < edges; i++) {
        if (e + i + AHEAD < last) {
          NAME(prefetch_row)(x + sources[e + i + AHEAD] * width, width);
          __builtin_prefetch(source_scores + sources[e + i + AHEAD] * heads);
        }
        const size_t s = sources[e + i];
        NAME(products)(gradients + i * slots, x + s * width, dy + t * width, heads, inside);
        FULL(copy_heads)(scores + i * slots, source_scores + s * heads, heads, slots);
      }
      for (size_t i = 0; i < count; i += BLOCK)
        UNROLLED for (size_t k = 0; k < BLOCK; k++) {
          const T score = scores[i + k] + own[k];
          const T weight = FULL(exp)(FULL(leaky)(score, slope) - maximum[k]) * share[k];
          const T steep = weight * (score > 0 ? 1 : slope);
          expected[k] += i + k < count ? weight * gradients[i + k] : 0;
          sum[k] += i + k < count ? steep * gradients[i + k] : 0;
          steepness[k] += i + k < count ? steep : 0;
        }
    }
    FULL(fold)(expected, slots, false);
    FULL(fold)(sum, slots, false);
    FULL(fold)(steepness, slots, false);
    for (size_t h = 0; h < heads; h++) {
      numbers[NAME(expected) * heads + h] = expected[h];
      gradient[t * heads + h] = sum[h] - expected[h] * steepness[h];
    }
  }
}

HR_CLONES void NAME(hr_attention_backward_targets)(
    T *restrict gradient, T *restrict targets, const ROW *restrict x, const T *restrict dy,
    const T *restrict source_scores, const T *restrict target_scores, const T *restrict maxima,
    const T *restrict sums, const uint32_t *restrict offsets, const uint32_t *restrict sources,
    T slope, size_t heads, size_t begin, size_t end, size_t width) {
#define TARGETS(slots)                                                                           \
  NAME(attention_targets)(gradient, targets, x, dy, source_scores, target_scores, maxima, sums,  \
                          offsets, sources, slope, heads, begin, end, width, slots)
  BY_SLOTS(TARGETS, heads)
#undef TARGETS
}

HR_INLINE void NAME(attention_sources)(
    T *restrict dx, T *restrict gradient, const T *restrict targets, const ROW *restrict x,
    const T *restrict dy, const T *restrict source_scores,
    const uint32_t *restrict transposed_offsets, const uint32_t *restrict ends,
    const uint32_t *restrict places, T slope, size_t heads, size_t begin, size_t end,
    size_t width, size_t slots) {
  T scores[NUMBERS], maximum[NUMBERS], share[NUMBERS], expected[NUMBERS], products[NUMBERS];
  T weights[NUMBERS], own[BLOCK], sum[BLOCK];
  const size_t last = transposed_offsets[end], inside = width / heads;
  for (size_t r = begin; r < end; r++) {
    const size_t s = places ? places[r] : r;
    const size_t first = transposed_offsets[r], stop = transposed_offsets[r + 1];
    T *row = dx + r * width;
    FULL(repeat)(own, source_scores + s * heads, heads, slots);
    for (size_t k = 0; k < BLOCK; k++) sum[k] = 0;
    if (first == stop) memset(row, 0, width * sizeof(T));
    for (size_t e = first; e < stop; e += EDGES) {
      const size_t edges = stop - e < EDGES ? stop - e : EDGES, count = edges * slots;
      for (size_t i = 0; i < edges; i++) {
        if (e + i + AHEAD < last) {
          FULL(prefetch_row)(dy + ends[e + i + AHEAD] * width, width);
          FULL(prefetch_row)(targets + ends[e + i + AHEAD] * heads * NAME(numbers),
                             heads * NAME(numbers));
        }
        const T *numbers = targets + ends[e + i] * heads * NAME(numbers);
        NAME(products)(products + i * slots, x + s * width, dy + ends[e + i] * width, heads, inside);
        FULL(copy_heads)(scores + i * slots, numbers, heads, slots);
        FULL(copy_heads)(maximum + i * slots, numbers + NAME(maximum) * heads, heads, slots);
        FULL(copy_heads)(share + i * slots, numbers + NAME(share) * heads, heads, slots);
        FULL(copy_heads)(expected + i * slots, numbers + NAME(expected) * heads, heads, slots);
      }
      for (size_t i = 0; i < count; i += BLOCK)
        UNROLLED for (size_t k = 0; k < BLOCK; k++) {
          const T score = scores[i + k] + own[k];
          const T weight = FULL(exp)(FULL(leaky)(score, slope) - maximum[i + k]) * share[i + k];
          const T g = weight * (products[i + k] - expected[i + k]) * (score > 0 ? 1 : slope);
          weights[i + k] = weight;
          sum[k] += i + k < count ? g : 0;
        }
      FULL(weigh_row)(row, dy, ends + e, weights, NULL, heads, slots, 0, edges, edges, width,
                      e > first, false);
    }
    FULL(fold)(sum, slots, false);
    memcpy(gradient + r * heads, sum, heads * sizeof(T));
  }
}

HR_CLONES void NAME(hr_attention_backward_sources)(
    T *restrict dx, T *restrict gradient, const T *restrict targets, const ROW *restrict x,
    const T *restrict dy, const T *restrict source_scores,
    const uint32_t *restrict transposed_offsets, const uint32_t *restrict ends,
    const uint32_t *restrict places, T slope, size_t heads, size_t begin, size_t end,
    size_t width) {
#define SOURCES(slots)                                                                           \
  NAME(attention_sources)(dx, gradient, targets, x, dy, source_scores, transposed_offsets, ends, \
                          places, slope, heads, begin, end, width, slots)
  BY_SLOTS(SOURCES, heads)
#undef SOURCES
}

#undef BLOCK
#undef NUMBERS
#undef BY_SLOTS
