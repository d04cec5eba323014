# For the programs that pick facts of many files: what they say() stands behind the name of its file.
function say(line) {
  if (head != "") { print head; head = "" }
  if (++count_said > 4000) exit
  print line
}
FNR == 1 {
  head = ENVIRON["NAME"] != "" ? ENVIRON["NAME"] : FILENAME ~ /^\// ? FILENAME : ""
  if (ENVIRON["R"] != "" && index(head, ENVIRON["R"] "/") == 1) head = substr(head, length(ENVIRON["R"]) + 1)
  if (head != "") head = "# " head
}
