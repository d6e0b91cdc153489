# Compiler settings and the two functions by which every target of the project is declared.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)

option(SLUICE_TESTS "Build the tests" ON)
option(SLUICE_BENCHMARKS "Build the benchmarks" ON)
option(SLUICE_FUZZERS "Build the fuzz targets with libFuzzer (clang only)" OFF)
option(SLUICE_JEMALLOC "Link jemalloc into the programs" ON)
option(SLUICE_PCH "Precompile the heavy test headers" ON)
set(SLUICE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")

# ccache, told that neither the checkout's path nor the build directory's is part of a result: so build
# directories and checkouts share. The sloppiness is what precompiled headers need.
find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    "${SLUICE_CCACHE}")
endif()

add_library(sluice_settings INTERFACE)
target_include_directories(sluice_settings INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(sluice_settings INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wold-style-cast -Wcast-qual
  -Woverloaded-virtual -Wimplicit-fallthrough
  -fno-omit-frame-pointer -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(sluice_settings INTERFACE -Wnon-virtual-dtor -Wextra-semi -Wunused-result)
  # A time stamp inside a precompiled header would make every use of it a cache miss.
  target_compile_options(sluice_settings INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
else()
  # g++ 12 takes a protected destructor for a public one where there are friends (no -Wnon-virtual-dtor), and it
  # reports these on correct code once coroutine frames and std::expected are inlined.
  target_compile_options(sluice_settings INTERFACE
    -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
    -Wno-restrict -Wno-dangling-pointer -Wno-missing-field-initializers
    -Wno-mismatched-new-delete)
endif()
if(SLUICE_SANITIZE)
  target_compile_options(sluice_settings INTERFACE "-fsanitize=${SLUICE_SANITIZE}" -fno-sanitize-recover=all)
  target_link_options(sluice_settings INTERFACE "-fsanitize=${SLUICE_SANITIZE}")
  target_compile_definitions(sluice_settings INTERFACE SLUICE_SANITIZED=1)
endif()
if(SLUICE_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR NOT SLUICE_SANITIZE MATCHES "address")
    message(FATAL_ERROR "SLUICE_FUZZERS needs clang and SLUICE_SANITIZE=address,undefined (preset fuzz)")
  endif()
  target_compile_options(sluice_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_link_options(sluice_settings INTERFACE -fuse-ld=lld)
endif()

# sluice_folder(DEPENDS <folders or libraries>...)
#   Declares the folder that calls it (io/base, rules/spf, ...) as one library, sluice_io_base and so on, from
#   its *.cc files. A dependency is written as the folder it is (io/base) or as a library's target name.
function(sluice_folder)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(RELATIVE_PATH folder "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  string(REPLACE "/" "_" name "sluice_${folder}")
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  list(TRANSFORM ARG_DEPENDS REPLACE "^([a-z]+)/([a-z]+)$" "sluice_\\1_\\2")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC sluice_settings ${ARG_DEPENDS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE sluice_settings ${ARG_DEPENDS})
  endif()
endfunction()

# sluice_program(<name> SOURCES ... DEPENDS ...): one executable of tools/ or bench/, in <build>/bin.
function(sluice_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  list(TRANSFORM ARG_DEPENDS REPLACE "^([a-z]+)/([a-z]+)$" "sluice_\\1_\\2")
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sluice_settings ${ARG_DEPENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  if(SLUICE_JEMALLOC AND NOT SLUICE_SANITIZE)
    target_link_libraries(${name} PRIVATE sluice_jemalloc)
  endif()
endfunction()
