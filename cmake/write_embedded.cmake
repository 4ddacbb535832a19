# Writes the C++ source of HEADER: every variable of NAMES, in NAMESPACE, becomes the text of the file that it names.
# limn_embed() in embed.cmake calls it.
set(code "#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n\n")
foreach(name IN LISTS NAMES)
  file(READ ${${name}} text)
  # A string literal may hold 65536 characters at most for every compiler; pieces are joined by the compiler.
  string(LENGTH "${text}" length)
  set(literal "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 4000 piece)
    string(APPEND literal "R\"embedded(${piece})embedded\"\n")
    math(EXPR at "${at} + 4000")
  endwhile()
  string(APPEND code "const std::string_view ${name} =\n${literal};\n")
endforeach()
file(WRITE ${OUTPUT} "${code}\n}  // namespace ${NAMESPACE}\n")
