// SPDX-License-Identifier: MIT
// Files of models. A file has lines of text, an empty line, then the weights:
//
//     yarn-evaluation-model 1
//     elements float32             or bfloat16, int8
//     optimiser yes                whether the state of the optimiser follows, to go on training
//     n_done 3000
//     n_layers 6                   the configuration, then the settings of the training
//     …
//
// The tensors follow in the order of `layout`, little-endian, without gaps. Norms are always
// float32. A row of an int8 tensor is a float32 scale and one byte for each element. Each element
// is scale * byte, where the scale is the largest magnitude of the row / 127.
#ifndef YARN_EXAMPLES_EVALUATION_CHECKPOINT_HPP
#define YARN_EXAMPLES_EVALUATION_CHECKPOINT_HPP

#include "trainer.hpp"

#include <cstring>
#include <fstream>

namespace evaluation {

enum class element_storage { float32, bfloat16, int8 };

inline std::string to_text(element_storage value) {
  return value == element_storage::float32    ? "float32"
         : value == element_storage::bfloat16 ? "bfloat16"
                                              : "int8";
}
inline void from_text(const std::string& name, const std::string& text, element_storage& value) {
  for (const auto one :
       {element_storage::float32, element_storage::bfloat16, element_storage::int8})
    if (to_text(one) == text) {
      value = one;
      return;
    }
  complain(name + ": '" + text + "' must be float32, bfloat16 or int8");
}

namespace detail {

inline constexpr const char* first_line = "yarn-evaluation-model 1";

inline void require_little_endian() {
  const std::uint16_t one = 1;
  unsigned char first = 0;
  std::memcpy(&first, &one, 1);
  if (first != 1)
    complain("files of models need a little-endian processor");
}

template <class Element> void put(std::string& data, const Element& element) {
  char raw[sizeof(Element)];
  std::memcpy(raw, &element, sizeof(Element));
  data.append(raw, sizeof(Element));
}
template <class Element> Element get(const char*& data) {
  Element element;
  std::memcpy(&element, data, sizeof(Element));
  data += sizeof(Element);
  return element;
}

inline std::size_t row_size(const tensor& t, element_storage storage) {
  const auto n = static_cast<std::size_t>(t.cols);
  if (t.is_norm || storage == element_storage::float32)
    return 4 * n;
  return storage == element_storage::bfloat16 ? 2 * n : 4 + n;
}

template <class Row>
void put_row(std::string& data, const Row& row, const tensor& t, element_storage storage) {
  if (t.is_norm || storage == element_storage::float32) {
    for (Index i = 0; i < t.cols; ++i)
      put(data, static_cast<float>(row[i]));
  } else if (storage == element_storage::bfloat16) {
    for (Index i = 0; i < t.cols; ++i)
      put(data, static_cast<Eigen::bfloat16>(static_cast<float>(row[i])));
  } else {
    const auto scale = static_cast<float>(row.cwiseAbs().maxCoeff()) / 127.0F;
    put(data, scale);
    for (Index i = 0; i < t.cols; ++i)
      put(data, static_cast<std::int8_t>(scale > 0 ? std::lround(static_cast<float>(row[i]) / scale)
                                                   : 0));
  }
}
template <class T, class Row>
void get_row(const char*& data, Row&& row, const tensor& t, element_storage storage) {
  if (t.is_norm || storage == element_storage::float32) {
    for (Index i = 0; i < t.cols; ++i)
      row[i] = static_cast<T>(get<float>(data));
  } else if (storage == element_storage::bfloat16) {
    for (Index i = 0; i < t.cols; ++i)
      row[i] = static_cast<T>(static_cast<float>(get<Eigen::bfloat16>(data)));
  } else {
    const auto scale = get<float>(data);
    for (Index i = 0; i < t.cols; ++i)
      row[i] = static_cast<T>(scale * static_cast<float>(get<std::int8_t>(data)));
  }
}

template <class T>
void put_weights(std::string& data, const weights<T>& w, const layout& l, element_storage storage) {
  for (const tensor& t : l.tensors())
    for (Index r = 0; r < t.rows; ++r)
      put_row(data, w[t].map().row(r), t, storage);
}
template <class T>
void get_weights(const char*& data, weights<T>& w, const layout& l, element_storage storage) {
  for (const tensor& t : l.tensors())
    for (Index r = 0; r < t.rows; ++r)
      get_row<T>(data, w[t].map().row(r), t, storage);
}
inline std::size_t data_size(const layout& l, element_storage storage) {
  std::size_t size = 0;
  for (const tensor& t : l.tensors())
    size += static_cast<std::size_t>(t.rows) * row_size(t, storage);
  return size;
}

} // namespace detail

/// The bytes of a file. with_optimiser: only with float32.
template <class T>
std::string file_of(const training<T>& state, element_storage storage, bool with_optimiser) {
  detail::require_little_endian();
  if (with_optimiser && storage != element_storage::float32)
    complain("the state of the optimiser needs float32");
  std::string file = detail::first_line;
  file += "\nelements " + to_text(storage) + "\noptimiser " + to_text(with_optimiser) +
          "\nn_done " + to_text(state.n_done) + '\n' + text_of(state.model.config) +
          text_of(state.settings) + '\n';
  detail::put_weights(file, state.model.values, state.model.tensors, storage);
  if (with_optimiser) {
    detail::put_weights(file, state.mean, state.model.tensors, storage);
    detail::put_weights(file, state.square, state.model.tensors, storage);
  }
  return file;
}

/// A file that was read.
template <class T> struct checkpoint {
  training<T> state;
  element_storage storage;
  bool has_optimiser;
};

/// Reads the bytes of a file. `name` is for messages.
template <class T> checkpoint<T> read_file(const std::string& file, const std::string& name) {
  detail::require_little_endian();
  const std::size_t header_end = file.find("\n\n");
  std::istringstream header(file.substr(0, header_end));
  std::string line;
  if (header_end == std::string::npos || !std::getline(header, line) || line != detail::first_line)
    complain(name + " is not the file of a model: its first line is not '" + detail::first_line +
             "'");
  named_values values;
  while (std::getline(header, line)) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos)
      complain(std::string(name).append(": the line '").append(line).append("' has no value"));
    values.set(line.substr(0, space), line.substr(space + 1));
  }
  const auto storage = values.require<element_storage>("elements");
  const auto has_optimiser = values.require<bool>("optimiser");
  const auto n_done = values.require<Index>("n_done");
  model_config config;
  values.require_all(config);
  training_settings settings;
  values.require_all(settings);
  values.require_empty();

  checkpoint<T> read{training<T>(model<T>(config), settings), storage, has_optimiser};
  read.state.n_done = n_done;
  const layout& l = read.state.model.tensors;
  const std::size_t expected =
      header_end + 2 + detail::data_size(l, storage) * (has_optimiser ? 3 : 1);
  if (file.size() != expected)
    complain(name + " has " + std::to_string(file.size()) + " bytes in place of " +
             std::to_string(expected));
  const char* data = file.data() + header_end + 2;
  detail::get_weights(data, read.state.model.values, l, storage);
  if (has_optimiser) {
    detail::get_weights(data, read.state.mean, l, storage);
    detail::get_weights(data, read.state.square, l, storage);
  }
  return read;
}

/// Writes a file. An interruption leaves the old file or the new file.
inline void write_bytes(const std::string& path, const std::string& file) {
  const std::string unfinished = path + ".unfinished";
  std::ofstream out(unfinished, std::ios::binary);
  out.write(file.data(), static_cast<std::streamsize>(file.size()));
  out.close();
  if (!out || std::rename(unfinished.c_str(), path.c_str()) != 0)
    complain("cannot write " + path);
}

inline std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    complain("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace evaluation

#endif
