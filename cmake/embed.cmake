# limn_embed(TARGET HEADER NAMESPACE NAME FILE [NAME FILE]...)
# Puts files into the program: TARGET gets a source that defines each NAME, declared in HEADER as a std::string_view of
# NAMESPACE, as the text of its FILE.
set(LIMN_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/write_embedded.cmake)
function(limn_embed target header namespace)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_embedded.cpp)
  set(names)
  set(files)
  set(definitions)
  set(rest ${ARGN})
  while(rest)
    list(POP_FRONT rest name file)
    list(APPEND names ${name})
    list(APPEND files ${file})
    list(APPEND definitions -D ${name}=${file})
  endwhile()
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -D OUTPUT=${output} -D HEADER=${header} -D NAMESPACE=${namespace} -D "NAMES=${names}"
            ${definitions} -P ${LIMN_EMBED_SCRIPT}
    DEPENDS ${files} ${LIMN_EMBED_SCRIPT} COMMENT "Embedding files into ${target}" VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
