#include "elementwise.h"
#include "pairs.h"
#include "vector_math.h"

#define T float
#define NAME(name) name##_f32
#define FUNCTION(name) name##f
#include "elementwise_template.h"
#undef T
#undef NAME
#undef FUNCTION

#define T double
#define NAME(name) name##_f64
#define FUNCTION(name) name
#include "elementwise_template.h"
