# What OpenCV draws once, here: its two dozen libraries would cost the program 10 ms each time it starts.
add_executable(limn_drawings ${PROJECT_SOURCE_DIR}/tools/drawings.cpp)
set_target_properties(limn_drawings PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/generated)
target_include_directories(limn_drawings PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_include_directories(limn_drawings SYSTEM PRIVATE ${LIMN_OPENCV_INCLUDE})
target_link_libraries(limn_drawings PRIVATE limn_flags ${LIMN_OPENCV_IMGPROC} ${LIMN_OPENCV_CORE})
set(drawings ${PROJECT_BINARY_DIR}/generated/drawings.cpp)
add_custom_command(OUTPUT ${drawings} COMMAND limn_drawings > ${drawings} DEPENDS limn_drawings VERBATIM)
target_sources(limn_image PRIVATE ${drawings})
