# What liblimn links, from Debian 12's packages: one target per purpose, so that a room names what it uses once. The
# installed package reads this same file for the sake of a static liblimn, hence imported targets only.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

# ONNX: the protobuf classes of onnx.proto.
find_package(Protobuf REQUIRED)
find_library(LIMN_ONNX_PROTO_LIBRARY onnx_proto REQUIRED)
add_library(limn_onnx_library INTERFACE IMPORTED)
target_compile_definitions(limn_onnx_library INTERFACE ONNX_NAMESPACE=onnx ONNX_ML=1)
target_link_libraries(limn_onnx_library INTERFACE ${LIMN_ONNX_PROTO_LIBRARY} protobuf::libprotobuf)

# oneDNN, and the OpenMP run time it is to use: libomp, ahead of libdnnl on the link line, so that the calls that
# libdnnl and limn's own kernels make to the GNU OpenMP entry points bind to it. libgomp's spinning threads slow a
# program tens of times when another process is busy.
find_library(LIMN_DNNL_LIBRARY dnnl REQUIRED)
add_library(limn_dnnl INTERFACE IMPORTED)
target_link_libraries(limn_dnnl INTERFACE ${LIMN_DNNL_LIBRARY})
find_library(LIMN_OMP_LIBRARY NAMES libomp.so.5 omp PATHS /usr/lib/llvm-14/lib REQUIRED)
add_library(limn_openmp INTERFACE IMPORTED)
target_compile_options(limn_openmp INTERFACE -fopenmp)
target_link_libraries(limn_openmp INTERFACE ${LIMN_OMP_LIBRARY})

# Image codecs. Pictures are drawn with what OpenCV drew when limn was built: see header_libraries.cmake.
pkg_check_modules(LIMN_CODECS REQUIRED IMPORTED_TARGET libjpeg libpng libwebp libtiff-4 libdeflate)
add_library(limn_codecs INTERFACE IMPORTED)
target_link_libraries(limn_codecs INTERFACE PkgConfig::LIMN_CODECS)

# Datasets packed with gzip.
pkg_check_modules(LIMN_ZLIB REQUIRED IMPORTED_TARGET zlib)
add_library(limn_zlib INTERFACE IMPORTED)
target_link_libraries(limn_zlib INTERFACE PkgConfig::LIMN_ZLIB)

# The rows of an evaluation.
pkg_check_modules(LIMN_SQLITE REQUIRED IMPORTED_TARGET sqlite3)
add_library(limn_sqlite INTERFACE IMPORTED)
target_link_libraries(limn_sqlite INTERFACE PkgConfig::LIMN_SQLITE)
