# SPDX-License-Identifier: MIT
# Tests of the plug-in of examples/ggml_backend: its interface, the tests of ggml for its operators,
# and llama.cpp. The names of these tests contain ggml_backend.
find_package(llama CONFIG QUIET)
find_package(Python3 COMPONENTS Interpreter QUIET)
set(example "${PROJECT_SOURCE_DIR}/examples/ggml_backend")
set(models "${CMAKE_CURRENT_BINARY_DIR}/ggml_models")

# Plug-ins that are compiled with other headers: one with a later version of the interface, and one
# with another function in front of graph_compute.
function(yarn_add_other_plug_in name pattern replacement)
  file(READ "${YARN_GGML_INTERFACE}/ggml-backend-impl.h" header)
  string(REGEX REPLACE "${pattern}" "${replacement}" other "${header}")
  if(other STREQUAL header)
    message(FATAL_ERROR "yarn: ggml-backend-impl.h has no '${pattern}'")
  endif()
  file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/${name}/ggml-backend-impl.h" "${other}")
  add_library(${name} MODULE "${example}/yarn_backend.cpp")
  yarn_dev_target(${name})
  target_compile_definitions(${name} PRIVATE GGML_BACKEND_SHARED GGML_BACKEND_BUILD)
  target_include_directories(${name} SYSTEM PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/${name}")
  target_link_libraries(${name} PRIVATE ggml::ggml)
  yarn_engine_program(${name})
endfunction()
yarn_add_other_plug_in(ggml_yarn_other_version "(define GGML_BACKEND_API_VERSION) " "\\1 9")
yarn_add_other_plug_in(ggml_yarn_other_layout "(enum ggml_status +\\(\\*graph_compute\\))"
                       "void (*another)(void); \\1")

yarn_add_engine_test(test_ggml_backend_interface ggml::ggml)
set(plug_ins "YARN_GGML_PLUG_IN=$<TARGET_FILE:ggml_yarn>"
             "YARN_GGML_OTHER_VERSION=$<TARGET_FILE:ggml_yarn_other_version>"
             "YARN_GGML_OTHER_LAYOUT=$<TARGET_FILE:ggml_yarn_other_layout>")
set_tests_properties(test_ggml_backend_interface PROPERTIES ENVIRONMENT "${plug_ins}")

# Debian's libggml0 has the program with which ggml compares backends with the CPU backend.
find_program(YARN_TEST_BACKEND_OPS test-backend-ops
             HINTS "/usr/libexec/${CMAKE_LIBRARY_ARCHITECTURE}/ggml")
if(YARN_TEST_BACKEND_OPS)
  foreach(operator ROPE ROPE_BACK)
    set(test ggml_backend_ops_${operator})
    add_test(NAME ${test} COMMAND "${YARN_TEST_BACKEND_OPS}" test -b yarn -o ${operator})
    set_tests_properties(
      ${test} PROPERTIES ENVIRONMENT "GGML_BACKEND_PATH=$<TARGET_FILE:ggml_yarn>" TIMEOUT 300
                         PASS_REGULAR_EXPRESSION "[1-9][0-9][0-9]/[0-9]+ tests passed"
                         FAIL_REGULAR_EXPRESSION "FAIL")
    yarn_engine_tests(${test})
  endforeach()
endif()

if(NOT TARGET llama OR NOT Python3_Interpreter_FOUND)
  yarn_engine_missing("llama.cpp or Python" "tests of examples/ggml_backend are")
  return()
endif()
add_test(NAME ggml_backend_models COMMAND "${Python3_EXECUTABLE}" "${example}/make_models.py"
                                          "${models}")
set_tests_properties(ggml_backend_models PROPERTIES FIXTURES_SETUP ggml_models)
yarn_engine_tests(ggml_backend_models)

yarn_add_engine_test(test_ggml_backend llama ggml::ggml)
set_tests_properties(
  test_ggml_backend
  PROPERTIES FIXTURES_REQUIRED ggml_models TIMEOUT 600 ENVIRONMENT
             "YARN_GGML_MODELS=${models};YARN_GGML_PLUG_IN=$<TARGET_FILE:ggml_yarn>")

find_program(YARN_LLAMA_PERPLEXITY llama-perplexity)
if(YARN_LLAMA_PERPLEXITY)
  add_test(
    NAME ggml_backend_perplexity
    COMMAND
      "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/compare_perplexity.py"
      "$<TARGET_FILE:ggml_yarn>" "${models}/llama-yarn.gguf" "${models}/qwen3-yarn.gguf"
      "${models}/gemma3-linear.gguf" "${models}/deepseek2-yarn.gguf")
  set_tests_properties(ggml_backend_perplexity PROPERTIES FIXTURES_REQUIRED ggml_models TIMEOUT 300)
  yarn_engine_tests(ggml_backend_perplexity)
endif()
