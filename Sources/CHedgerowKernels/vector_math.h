// Functions of float and double for loops: those of float are written out, so that the loops
// vectorize, and err by a few units in the last place; those of double are libm's.
#pragma once
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "dispatch.h"

HR_INLINE float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

HR_INLINE uint32_t to_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// x = n log(2) + r with |r| <= log(2) / 2, and e^r - 1, whose polynomial is that of Cephes.
typedef struct {
  int32_t n;
  float rest;
} hr_exponent;

HR_INLINE hr_exponent exponent_f32(float x) {
  const float magic = 12582912.0f;  // 1.5 * 2^23: the sum's low bits are the nearest integer
  float shifted = x * 1.44269504088896341f + magic;
  float k = shifted - magic;
  float r = x - k * 0.693359375f + k * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return (hr_exponent){(int32_t)(to_bits(shifted) - to_bits(magic)), p * (r * r) + r};
}

HR_INLINE float power_of_two(int32_t n) { return from_bits((uint32_t)(n + 127) << 23); }

HR_INLINE float exp_f32(float x) {
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  hr_exponent e = exponent_f32(x);
  // In two steps, so that results down to the least and up to infinity come out.
  int32_t half = e.n >> 1;
  return (e.rest + 1) * power_of_two(half) * power_of_two(e.n - half);
}

// For x <= 0.
HR_INLINE float expm1_f32(float x) {
  x = x < -80.0f ? -80.0f : x;
  hr_exponent e = exponent_f32(x);
  float scale = power_of_two(e.n);
  return scale * e.rest + (scale - 1);
}

// The polynomial is that of Cephes.
HR_INLINE float log_f32(float x) {
  float scaled = x < FLT_MIN ? x * 8388608.0f : x;  // 2^23
  float bias = x < FLT_MIN ? -23.0f : 0.0f;
  uint32_t bits = to_bits(scaled);
  int32_t e = (int32_t)(bits - 0x3F3504F3u) >> 23;  // so that the mantissa is about 1
  float f = from_bits(bits - ((uint32_t)e << 23)) - 1, z = f * f, k = (float)e + bias;
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  float y = p * f * z - k * 2.12194440e-4f - 0.5f * z;
  float result = f + y + k * 0.693359375f;
  result = x == INFINITY ? INFINITY : result;
  return x > 0 ? result : x == 0 ? -INFINITY : NAN;
}

// For 0 <= x <= 1.
HR_INLINE float log1p_f32(float x) {
  float sum = 1 + x;
  return log_f32(sum) + (x - (sum - 1)) / sum;
}

// A quotient of polynomials, as Eigen has it.
HR_INLINE float tanh_f32(float x) {
  float c = x < -7.90531110763549805f ? -7.90531110763549805f : x;
  c = c > 7.90531110763549805f ? 7.90531110763549805f : c;
  float z = c * c;
  float p = -2.76076847742355e-16f;
  p = p * z + 2.00018790482477e-13f;
  p = p * z - 8.60467152213735e-11f;
  p = p * z + 5.12229709037114e-08f;
  p = p * z + 1.48572235717979e-05f;
  p = p * z + 6.37261928875436e-04f;
  p = p * z + 4.89352455891786e-03f;
  float q = 1.19825839466702e-06f;
  q = q * z + 1.18534705686654e-04f;
  q = q * z + 2.26843463243900e-03f;
  q = q * z + 4.89352518554385e-03f;
  float y = c * p / q;
  y = x > 9.02f ? 1 : x < -9.02f ? -1 : y;
  return z < 1.6e-7f ? x : y;
}

// A quotient of polynomials, as XLA has it.
HR_INLINE float erf_f32(float x) {
  float c = x < -4.0f ? -4.0f : x;
  c = c > 4.0f ? 4.0f : c;
  float z = c * c;
  float p = -2.72614225801306e-10f;
  p = p * z + 2.77068142495902e-08f;
  p = p * z - 2.10102402082508e-06f;
  p = p * z - 5.69250639462346e-05f;
  p = p * z - 7.34990630326855e-04f;
  p = p * z - 2.95459980854025e-03f;
  p = p * z - 1.60960333262415e-02f;
  float q = -1.45660718464996e-05f;
  q = q * z - 2.13374055278905e-04f;
  q = q * z - 1.68282697438203e-03f;
  q = q * z - 7.37332916720468e-03f;
  q = q * z - 1.42647390514189e-02f;
  return c * p / q;
}

HR_INLINE float sigmoid_f32(float x) { return 1 / (1 + exp_f32(-x)); }

HR_INLINE double exp_f64(double x) { return exp(x); }
HR_INLINE double expm1_f64(double x) { return expm1(x); }
HR_INLINE double log_f64(double x) { return log(x); }
HR_INLINE double log1p_f64(double x) { return log1p(x); }
HR_INLINE double tanh_f64(double x) { return tanh(x); }
HR_INLINE double erf_f64(double x) { return erf(x); }
HR_INLINE double sigmoid_f64(double x) { return 1 / (1 + exp(-x)); }
