# cmake -D OUTPUT=FILE -D SOURCE_DIR=DIR -D STAMP=ON|OFF -P write_commit.cmake
set(commit "")
if(STAMP)
  execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
# CONFIGURE leaves a file with the same content alone.
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "limn/build_commit.h"

namespace limn {

std::string_view build_commit() { return "@commit@"; }

}  // namespace limn
]])
