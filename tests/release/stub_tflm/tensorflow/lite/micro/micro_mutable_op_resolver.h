// A stub for tests: it has the methods that tests name, and no more room than it was given.
#pragma once

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

namespace tflite {

struct MicroOpResolver {
  unsigned registered = 0;
};

template <unsigned int tOpCount>
struct MicroMutableOpResolver : MicroOpResolver {
#define STUB_METHOD(name) \
  TfLiteStatus name() { return ++registered > tOpCount ? kTfLiteError : kTfLiteOk; }
  STUB_METHODS
#undef STUB_METHOD
};

}  // namespace tflite
