#include "activation.h"
#include "stream.h"
#include "vector_math.h"

#define T float
#define NAME(name) name##_f32
#include "activation_template.h"
#undef T
#undef NAME

#define T double
#define NAME(name) name##_f64
#include "activation_template.h"
