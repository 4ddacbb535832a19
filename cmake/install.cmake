# Installation: the command line, the library with its public headers, a CMake package and a pkg-config file (both find
# themselves wherever the prefix is moved to), documentation.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/limn)

install(TARGETS limn_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT limn)
if(TARGET limn_mpi)
  install(TARGETS limn_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/limn COMPONENT limn)
endif()
install(TARGETS limn EXPORT limn
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT development
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/limn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_BINARY_DIR}/generated/limn/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/limn
        COMPONENT development)

# The CMake package. Who links a static liblimn links what it uses too, so that package looks for it as the build did.
install(EXPORT limn NAMESPACE limn:: FILE limnTargets.cmake DESTINATION ${package_dir} COMPONENT development)
get_target_property(limn_type limn TYPE)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/limnConfig.cmake.in ${PROJECT_BINARY_DIR}/limnConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/limnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/limnConfig.cmake ${PROJECT_BINARY_DIR}/limnConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)
if(limn_type STREQUAL "STATIC_LIBRARY")
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/dependencies.cmake DESTINATION ${package_dir}
          RENAME limnDependencies.cmake COMPONENT development)
else()
  set_target_properties(limn_cli PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endif()

# The pkg-config file. libomp stands ahead of libdnnl for the reason in dependencies.cmake.
set(pc_requires "libjpeg libpng libwebp libtiff-4 libdeflate zlib sqlite3 fmt protobuf")
set(pc_libraries "-lonnx_proto -l:libomp.so.5 -ldnnl")
if(limn_type STREQUAL "STATIC_LIBRARY")
  set(pc_link "Requires: ${pc_requires}\nLibs: -L\${libdir} -llimn ${pc_libraries}")
else()
  set(pc_link "Requires.private: ${pc_requires}\nLibs: -L\${libdir} -llimn\nLibs.private: ${pc_libraries}")
endif()
file(RELATIVE_PATH pc_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/cmake/limn.pc.in ${PROJECT_BINARY_DIR}/limn.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/limn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT limn)
# Written by the program (src/cli/CMakeLists.txt).
set(written ${PROJECT_BINARY_DIR}/src/cli)
install(FILES ${written}/limn.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT limn)
install(FILES ${written}/limn.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME limn
        COMPONENT limn)
install(FILES ${written}/limn.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _limn COMPONENT limn)
install(FILES ${written}/limn.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT limn)
# The pictures and the network of `limn demo`.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/data/demo DESTINATION ${CMAKE_INSTALL_DATADIR}/limn COMPONENT limn)
