// A stub for tests: what generated code uses of a model's FlatBuffer.
#pragma once

namespace tflite {

struct Model {
  unsigned version() const { return 3; }
};

inline const Model *GetModel(const void *content) { return static_cast<const Model *>(content); }

}  // namespace tflite
