# limn_room(NAME [USES room...] [LIBRARIES target...] [HEADER_LIBRARIES target...])
# A room is src/limn/NAME: all its *.cpp files as one object library that sees the headers of every room below it
# (include roots are shared; tools/check_arrows.py is what holds the arrows).
function(limn_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES;HEADER_LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/limn/${name}/*.cpp
       ${PROJECT_SOURCE_DIR}/src/limn/${name}/*/*.cpp)
  if(NOT sources)  # CMake refuses an object library without sources
    set(sources ${PROJECT_BINARY_DIR}/generated/empty_room.cpp)
    file(CONFIGURE OUTPUT ${sources} CONTENT "// A room without sources.\n")
  endif()
  add_library(limn_${name} OBJECT ${sources})
  target_include_directories(limn_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(limn_${name} PUBLIC ${ROOM_LIBRARIES} ${ROOM_HEADER_LIBRARIES} PRIVATE limn_flags fmt::fmt)
  set_property(GLOBAL APPEND PROPERTY LIMN_ROOMS ${name})
  set_property(GLOBAL APPEND PROPERTY LIMN_ROOM_LIBRARIES ${ROOM_LIBRARIES})
endfunction()

# The library limn::limn, static unless BUILD_SHARED_LIBS says otherwise, made of every room.
function(limn_library)
  get_property(rooms GLOBAL PROPERTY LIMN_ROOMS)
  get_property(libraries GLOBAL PROPERTY LIMN_ROOM_LIBRARIES)
  list(REMOVE_DUPLICATES libraries)
  set(objects)
  foreach(room IN LISTS rooms)
    list(APPEND objects $<TARGET_OBJECTS:limn_${room}>)
  endforeach()
  add_library(limn ${objects})
  add_library(limn::limn ALIAS limn)
  set_target_properties(limn PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                        LINKER_LANGUAGE CXX)
  target_compile_features(limn PUBLIC cxx_std_20)
  target_include_directories(limn PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
    $<INSTALL_INTERFACE:include>)
  target_link_libraries(limn PRIVATE ${libraries} fmt::fmt)
endfunction()
