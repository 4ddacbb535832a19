# The version is project(limn VERSION ...) and nothing else: "limn/version.h" repeats it for the code.
configure_file(${PROJECT_SOURCE_DIR}/cmake/version.h.in ${PROJECT_BINARY_DIR}/generated/limn/version.h @ONLY)

# limn_stamp_commit(TARGET) adds limn::build_commit() of "limn/build_commit.h" to an executable. With
# LIMN_STAMP_COMMIT it is what `git describe` says at build time; the one file behind it is rewritten only when
# that changes. Otherwise it is empty.
function(limn_stamp_commit target)
  set(source ${PROJECT_BINARY_DIR}/generated/build_commit.cpp)
  set(write_commit ${CMAKE_COMMAND} -D OUTPUT=${source} -D SOURCE_DIR=${PROJECT_SOURCE_DIR}
                   -D STAMP=${LIMN_STAMP_COMMIT} -P ${PROJECT_SOURCE_DIR}/cmake/write_commit.cmake)
  if(LIMN_STAMP_COMMIT)
    add_custom_target(limn_write_commit COMMAND ${write_commit} BYPRODUCTS ${source}
                      COMMENT "Looking up the commit")
    add_dependencies(${target} limn_write_commit)
  else()
    execute_process(COMMAND ${write_commit} COMMAND_ERROR_IS_FATAL ANY)
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/build_commit.h.in
                 ${PROJECT_BINARY_DIR}/generated/limn/build_commit.h COPYONLY)
  target_sources(${target} PRIVATE ${source})
  target_include_directories(${target} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()
