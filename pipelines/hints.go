package pipelines

import "strings"

// yamlWords says of what the YAML reader says what it means for who wrote the file.
var yamlWords = []struct{ says, means string }{
	{"found character that cannot start any token", "a tab, or a sign that no value begins with: indent with spaces, and put such text in quotes"},
	{"did not find expected '-' indicator", "the indentation does not fit in the list that begins here"},
	{"did not find expected key", "the indentation does not fit in the section that begins here"},
	{"mapping values are not allowed", "a key where none can be: look at the indentation, and put text with a colon in quotes"},
	{"did not find expected ',' or", "a { or [ is not closed"},
	{"could not find expected ':'", "a key without a colon, or a colon without a space after it"},
	{"UTF-8", "not a text file"},
	{"control characters are not allowed", "not a text file"},
}

// inPlainWords returns what the YAML reader says is wrong, and what that means.
func inPlainWords(problem string) string {
	for _, w := range yamlWords {
		if strings.Contains(problem, w.says) {
			return w.means
		}
	}
	return problem
}

// form says how the value of the dotted key is written, where its kind is not the
// one that is wanted, or "".
func form(key, problem string) string {
	if !strings.HasPrefix(problem, "want a list") && !strings.HasPrefix(problem, "want a section") {
		return ""
	}
	switch key[strings.LastIndexByte(key, '.')+1:] {
	case "stages":
		return ": begin each stage with - name: NAME"
	case "matrix":
		return ": begin each line with - key: KEY"
	case "needs":
		return ": write needs: {ROLE: NAME OF A STAGE}"
	case "with":
		return ": write with: {KEY: VALUE}"
	case "values":
		return ": write values: [VALUE, VALUE]"
	}
	if strings.HasPrefix(key, "stages[") {
		return ": write - {name: NAME, run: KIND}"
	}
	return ""
}

// lowered suggests how text that is no key or name may be written, or is "".
func lowered(text, gap string) string {
	word := strings.ToLower(strings.NewReplacer("-", gap, "_", gap, " ", gap).Replace(text))
	if word == text || !nameForm.MatchString(word) {
		return ""
	}
	return " (such as \"" + word + "\")"
}
