// SPDX-License-Identifier: MIT
// The checks of testing.hpp in the C API.
#ifndef YARN_DETAIL_C_API_TESTER_HPP
#define YARN_DETAIL_C_API_TESTER_HPP

#include "../../testing.hpp"
#include "configurations.hpp"
#include "rotation.hpp"

struct yarn_expectation {
  yarn::testing::expectation value;
};

struct yarn_report {
  explicit yarn_report(yarn::testing::report made) : value(std::move(made)), text(value.text()) {
    for (const yarn::testing::finding& found : value.findings) {
      diagnoses.list.emplace_back(yarn::testing::name_of(found.what));
      findings.list.push_back(found.text);
    }
    notes.list = value.notes;
  }

  yarn::testing::report value;
  std::string text;
  yarn_texts diagnoses;
  yarn_texts findings;
  yarn_texts notes;
};

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline pairing checked_pairing(yarn_pairing given) {
  const auto p = static_cast<pairing>(given);
  check_pairing(p);
  return p;
}

inline testing::expectation& expectation_of(yarn_expectation* e) {
  require_not_null("the expectation", e);
  return e->value;
}
inline const testing::expectation& expectation_of(const yarn_expectation* e) {
  require_not_null("the expectation", e);
  return e->value;
}

inline yarn_check_options default_check_options() {
  const testing::options o;
  yarn_check_options made{};
  made.struct_size = sizeof made;
  made.tolerance = o.tolerance;
  made.max_position = o.max_position;
  made.n_heads = o.n_heads;
  made.accept_float32_angles = o.accept_float32_angles ? 1 : 0;
  return made;
}
inline testing::options options_from(const yarn_check_options* given) {
  if (given == nullptr)
    return {};
  const auto o =
      read_struct(given, "yarn_check_options", sizeof(std::size_t), default_check_options());
  require_flag("yarn_check_options.accept_float32_angles", o.accept_float32_angles);
  require_zero("yarn_check_options.reserved", o.reserved);
  testing::options made;
  made.tolerance = o.tolerance;
  made.max_position = o.max_position;
  made.n_heads = o.n_heads;
  made.accept_float32_angles = o.accept_float32_angles != 0;
  return made;
}

// Calls check(expectation, options), and writes its report.
template <class Check>
yarn_status report_of(const yarn_expectation* e, const yarn_check_options* options,
                      yarn_report** result, const Check& check) {
  return guarded([&] {
    require_not_null("result", result);
    const testing::expectation& expected = expectation_of(e);
    const testing::options o = options_from(options);
    *result = std::make_unique<yarn_report>(check(expected, o)).release();
  });
}

// Calls use(rows_view) or use(table_view).
template <bool IsTable, class Use>
decltype(auto) with_cos_sin(const yarn_cos_sin* given, const Use& use) {
  const char* const name = IsTable ? "table" : "rows";
  const auto v = read_struct(given, name, offsetof(yarn_cos_sin, axis_of_pair));
  require_element_type(name, v.type);
  require_zero("yarn_cos_sin.reserved", v.reserved);
  if (v.axis_of_pair != nullptr || v.n_axes != 0)
    fail_argument(
        "yarn: the axes of a checked table are those of the expectation: axis_of_pair and "
        "n_axes must be 0");
  return with_element(v.type, [&](auto tag) {
    using R = typename decltype(tag)::type;
    using view = std::conditional_t<IsTable, table_view<R>, rows_view<R>>;
    return use(view(static_cast<const R*>(v.cos), static_cast<const R*>(v.sin), v.n_rows, v.n_pairs,
                    v.row_stride));
  });
}

// Calls use(positions or axis_positions).
template <class Use>
testing::report with_checked_positions(const yarn_positions* given, std::int64_t n_axes,
                                       const Use& use) {
  const c_api::position_list at = positions_from(given, n_axes);
  return at.has_axes ? use(at.axes) : use(at.list);
}

template <class T> yarn_tensor dense_tensor(const heads_view<T>& x) {
  using plain = std::remove_const_t<T>;
  yarn_tensor t{};
  t.struct_size = sizeof t;
  t.data = const_cast<plain*>(x.data());
  t.n_tokens = x.n_tokens();
  t.n_heads = x.n_heads();
  t.head_dim = x.head_dim();
  t.token_stride = x.token_stride();
  t.head_stride = x.head_stride();
  return t;
}
inline yarn_positions positions_for_engine(const std::vector<std::int64_t>& list,
                                           std::int64_t n_tokens) {
  yarn_positions p = default_positions();
  p.data = list.data();
  p.type = YARN_INT64;
  p.n_tokens = n_tokens;
  const auto n_axes = static_cast<std::int64_t>(list.size()) / n_tokens;
  p.n_axes = n_axes == 1 ? 0 : n_axes;
  p.axis_stride = n_axes == 1 ? 0 : n_tokens;
  p.token_stride = 1;
  return p;
}

// A function of the caller as an engine for check_rotation.
inline auto engine_of(yarn_engine_rotation engine, void* user, yarn_element_type type) {
  require_not_null("the engine", reinterpret_cast<const void*>(engine));
  return [=](const auto& x, const std::vector<std::int64_t>& list) {
    yarn_tensor t = dense_tensor(x);
    t.type = type;
    const yarn_positions at = positions_for_engine(list, t.n_tokens);
    engine(user, &t, &at);
  };
}

inline testing::report check_copy_of(const testing::expectation& expected, yarn_element_type from,
                                     yarn_element_type to, yarn_engine_copy engine, void* user,
                                     const testing::options& o) {
  require_not_null("the engine", reinterpret_cast<const void*>(engine));
  require_element_type("from", from);
  require_element_type("to", to);
  const auto call = [&](const auto& source, const auto& target,
                        const std::vector<std::int64_t>& list) {
    yarn_tensor s = dense_tensor(source), t = dense_tensor(target);
    s.type = from;
    t.type = to;
    const yarn_positions at = positions_for_engine(list, s.n_tokens);
    engine(user, &s, &t, &at);
  };
  return with_element(from, [&](auto source) {
    return with_element(to, [&](auto target) {
      return testing::check_copy<typename decltype(source)::type, typename decltype(target)::type>(
          expected, call, o);
    });
  });
}

inline void require_no_norm_or_cache(const checked_tensor& x) {
  const yarn_tensor& t = x.argument().x;
  if (t.norm != nullptr || t.paging != nullptr || t.format != nullptr)
    fail_argument("yarn: the tensors of a check must have no norm, paging or format");
}
inline testing::report check_rotated_tensors(const testing::expectation& expected,
                                             const yarn_tensor* before, const yarn_tensor* after,
                                             const yarn_positions* positions,
                                             const testing::options& o) {
  const checked_tensor b(before, "before"), a(after, "after");
  require_no_norm_or_cache(b);
  require_no_norm_or_cache(a);
  return with_checked_positions(positions, expected.n_axes(), [&](const auto& list) {
    return with_element(b.argument().x.type, [&](auto from) {
      return with_element(a.argument().x.type, [&](auto to) {
        return testing::check_rotated(expected, b.view<const typename decltype(from)::type>(),
                                      a.view<const typename decltype(to)::type>(), list, o);
      });
    });
  });
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

extern "C" {

YARN_C_API yarn_status yarn_expectation_make(const yarn_shape* shape, const yarn_method* method,
                                             yarn_pairing pairing, std::int64_t seq_len,
                                             yarn_expectation** result) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("result", result);
    const yarn::pairing order = checked_pairing(pairing);
    *result = with_method(method, [&](const auto& m) {
                return std::make_unique<yarn_expectation>(yarn_expectation{
                    yarn::testing::expectation(shape_from(shape), m, order, seq_len)});
              }).release();
  });
}
YARN_C_API yarn_status yarn_expectation_from(const yarn_shape* shape, const yarn_frequencies* f,
                                             yarn_pairing pairing, yarn_expectation** result) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("result", result);
    *result = std::make_unique<yarn_expectation>(
                  yarn_expectation{yarn::testing::expectation(shape_from(shape), value_of(f),
                                                              checked_pairing(pairing))})
                  .release();
  });
}
YARN_C_API yarn_status yarn_expectation_set_output_order(yarn_expectation* e, yarn_pairing order) {
  using namespace yarn::detail;
  return guarded([&] {
    auto& value = expectation_of(e);
    value = value.with_output_order(checked_pairing(order));
  });
}
YARN_C_API yarn_status yarn_expectation_set_rotary_offset(yarn_expectation* e,
                                                          std::int64_t offset) {
  using namespace yarn::detail;
  return guarded([&] {
    auto& value = expectation_of(e);
    value = value.with_rotary_offset(offset);
  });
}
YARN_C_API yarn_status yarn_expectation_set_axes(yarn_expectation* e,
                                                 const std::uint8_t* axis_of_pair,
                                                 std::int64_t n_pairs, std::int64_t n_axes) {
  using namespace yarn::detail;
  return guarded([&] {
    auto& value = expectation_of(e);
    value = value.with_axes(list_of_axes(axis_of_pair, n_pairs), n_axes);
  });
}
YARN_C_API void yarn_expectation_free(yarn_expectation* e) { delete e; }

YARN_C_API yarn_status yarn_check_options_init(yarn_check_options* o, std::size_t struct_size) {
  using namespace yarn::detail;
  return guarded(
      [&] { init_struct(o, "yarn_check_options", struct_size, default_check_options()); });
}

YARN_C_API yarn_status yarn_check_rows(const yarn_expectation* e, const yarn_cos_sin* rows,
                                       const yarn_positions* positions,
                                       const yarn_check_options* options, yarn_report** result) {
  using namespace yarn::detail;
  return report_of(e, options, result, [&](const auto& expected, const auto& o) {
    return with_checked_positions(positions, expected.n_axes(), [&](const auto& list) {
      return with_cos_sin<false>(rows, [&](const auto& view) {
        return yarn::testing::check_rows(expected, view, list, o);
      });
    });
  });
}
YARN_C_API yarn_status yarn_check_table(const yarn_expectation* e, const yarn_cos_sin* table,
                                        const yarn_check_options* options, yarn_report** result) {
  using namespace yarn::detail;
  return report_of(e, options, result, [&](const auto& expected, const auto& o) {
    return with_cos_sin<true>(
        table, [&](const auto& view) { return yarn::testing::check_table(expected, view, o); });
  });
}
YARN_C_API yarn_status yarn_check_inv_freq(const yarn_expectation* e, const void* inv_freq,
                                           yarn_element_type type, std::int64_t n_pairs,
                                           double attention_factor,
                                           const yarn_check_options* options,
                                           yarn_report** result) {
  using namespace yarn::detail;
  return report_of(e, options, result, [&](const auto& expected, const auto& o) {
    require_row_type(type);
    const yarn::optional_number factor = optional_from(attention_factor);
    if (type == YARN_FLOAT64)
      return yarn::testing::check_inv_freq(expected, static_cast<const double*>(inv_freq), n_pairs,
                                           factor, o);
    return yarn::testing::check_inv_freq(expected, static_cast<const float*>(inv_freq), n_pairs,
                                         factor, o);
  });
}
YARN_C_API yarn_status yarn_check_rotation(const yarn_expectation* e, yarn_element_type type,
                                           yarn_engine_rotation engine, void* user,
                                           const yarn_check_options* options,
                                           yarn_report** result) {
  using namespace yarn::detail;
  return report_of(e, options, result, [&](const auto& expected, const auto& o) {
    require_element_type("the engine", type);
    return with_element(type, [&](auto tag) {
      return yarn::testing::check_rotation<typename decltype(tag)::type>(
          expected, engine_of(engine, user, type), o);
    });
  });
}
YARN_C_API yarn_status yarn_check_rotations(const yarn_expectation* e, yarn_element_type type,
                                            yarn_engine_rotation of_q, yarn_engine_rotation of_k,
                                            void* user, const yarn_check_options* options,
                                            yarn_report** result) {
  using namespace yarn::detail;
  return report_of(e, options, result, [&](const auto& expected, const auto& o) {
    require_element_type("the engine", type);
    return with_element(type, [&](auto tag) {
      return yarn::testing::check_rotations<typename decltype(tag)::type>(
          expected, engine_of(of_q, user, type), engine_of(of_k, user, type), o);
    });
  });
}
YARN_C_API yarn_status yarn_check_copy(const yarn_expectation* e, yarn_element_type from,
                                       yarn_element_type to, yarn_engine_copy engine, void* user,
                                       const yarn_check_options* options, yarn_report** result) {
  using namespace yarn::detail;
  return report_of(e, options, result, [&](const auto& expected, const auto& o) {
    return check_copy_of(expected, from, to, engine, user, o);
  });
}
YARN_C_API yarn_status yarn_check_rotated(const yarn_expectation* e, const yarn_tensor* before,
                                          const yarn_tensor* after, const yarn_positions* positions,
                                          const yarn_check_options* options, yarn_report** result) {
  using namespace yarn::detail;
  return report_of(e, options, result, [&](const auto& expected, const auto& o) {
    return check_rotated_tensors(expected, before, after, positions, o);
  });
}

YARN_C_API yarn_status yarn_report_get(const yarn_report* report, yarn_report_info* info) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("report", report);
    const yarn::testing::report& r = report->value;
    yarn_report_info made{};
    made.text = report->text.c_str();
    made.subject = r.subject.c_str();
    made.unit = r.unit.c_str();
    made.max_error = r.max_error;
    made.max_error_ulp = r.max_error_ulp;
    made.tolerance = r.tolerance;
    made.remaining_error = r.remaining_error;
    made.worst_position = r.worst.position;
    made.worst_pair = r.worst.pair;
    made.worst_element = r.worst.element;
    made.worst_axis = r.worst.axis;
    made.worst_what = r.worst.what.c_str();
    made.worst_expected = r.worst.expected;
    made.worst_actual = r.worst.actual;
    made.diagnoses = &report->diagnoses;
    made.findings = &report->findings;
    made.notes = &report->notes;
    made.passed = r.passed ? 1 : 0;
    write_struct(info, "info", made);
  });
}
YARN_C_API void yarn_report_free(yarn_report* report) { delete report; }

} // extern "C"

#endif
