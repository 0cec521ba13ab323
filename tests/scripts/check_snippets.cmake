# SPDX-License-Identifier: MIT
# Checks that every C++ block of some pages is also in an example or a test. White space may differ.
# Run: cmake -DSOURCE_DIR=. -P tests/scripts/check_snippets.cmake
cmake_minimum_required(VERSION 3.21)

set(documents docs/kv-cache.md docs/moving-cached-keys.md docs/dynamic-methods.md
              docs/axes.md docs/moving-your-engine.md docs/torch.md)
set(sources examples/caches/caches.cpp examples/engine/kv_cache.hpp examples/engine/decoder.hpp
            examples/multimodal/multimodal.cpp tests/examples/test_axis_families.cpp
            examples/moving/model.hpp examples/moving/table_of_cos_sin.hpp
            examples/moving/scalar_loop.hpp examples/moving/eager.hpp
            examples/moving/cos_sin_cache.hpp examples/moving/ggml_graph.hpp
            examples/torch_extension/operators.cpp)

# Sets `result` to the text with every sequence of white space replaced by one space.
function(one_line text result)
  string(REGEX REPLACE "[ \n]+" " " text "${text}")
  string(STRIP "${text}" text)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

set(code "")
foreach(source IN LISTS sources)
  file(READ "${SOURCE_DIR}/${source}" text)
  one_line("${text}" text)
  string(APPEND code "${text}")
endforeach()

foreach(document IN LISTS documents)
  file(READ "${SOURCE_DIR}/${document}" rest)
  set(count 0)
  while(TRUE)
    string(FIND "${rest}" "```cpp\n" start)
    if(start LESS 0)
      break()
    endif()
    math(EXPR start "${start} + 7")
    string(SUBSTRING "${rest}" ${start} -1 rest)
    string(FIND "${rest}" "```" stop)
    string(SUBSTRING "${rest}" 0 ${stop} block)
    one_line("${block}" wanted)
    string(FIND "${code}" "${wanted}" found)
    if(found LESS 0)
      message(SEND_ERROR "snippets: ${document} shows\n\n${block}\nwhich is in none of ${sources}")
    endif()
    math(EXPR count "${count} + 1")
  endwhile()
  if(count EQUAL 0)
    message(FATAL_ERROR "snippets: ${document} has no C++ block")
  endif()
endforeach()
