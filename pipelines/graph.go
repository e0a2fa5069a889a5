package pipelines

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkGraph reports to d every need that cannot be met, and sorts the stages
// so that each comes after those that it needs.
func (p *Pipeline) checkGraph(d *document) {
	byName := map[string]*Stage{}
	for i := range p.Stages {
		s := &p.Stages[i]
		if _, twice := byName[s.Name]; twice && s.Name != "" {
			d.fault(d.place(s.key+".name"), s.key+".name", fmt.Sprintf("a stage before it is named %q too", s.Name))
			continue
		}
		byName[s.Name] = s
	}
	for i := range p.Stages {
		p.Stages[i].checkNeeds(d, byName)
	}
	p.sort(d)
}

// checkNeeds reports roles that s does not know, lacks, or has filled with the
// wrong kind of stage.
func (s *Stage) checkNeeds(d *document, byName map[string]*Stage) {
	if s.Kind.Name == "" {
		return
	}
	roles := slices.Concat(s.Kind.Needs, s.Kind.Takes)
	for _, role := range slices.Sorted(maps.Keys(s.Needs)) {
		key := s.key + ".needs." + role
		other, ok := byName[s.Needs[role]]
		switch {
		case !slices.Contains(roles, role):
			d.fault(d.place(key), key, fmt.Sprintf("%s has no such role%s", s.Kind.Name, near(role, roles)))
		case !ok:
			d.fault(d.place(key), key, fmt.Sprintf("no stage is named %q%s", s.Needs[role], near(s.Needs[role], slices.Sorted(maps.Keys(byName)))))
		case other.Kind.Name != "" && other.Kind.Fills != role:
			d.fault(d.place(key), key, fmt.Sprintf("%q is a stage of kind %s, which cannot fill this role%s", other.Name, other.Kind.Name, filler(role, byName)))
		}
	}
	for _, role := range s.Kind.Needs {
		if _, ok := s.Needs[role]; !ok {
			d.fault(d.place(s.key), s.key, fmt.Sprintf("needs lacks the role %s: write needs: {%s: NAME OF A STAGE}", role, role))
		}
	}
	if s.Kind.Sources != nil && s.Config != nil && len(s.Needs) == 0 && len(s.Kind.Sources(s.Config)) == 0 {
		d.fault(d.place(s.key), s.key, fmt.Sprintf("has nothing to read: write needs: {%s: NAME OF A STAGE} or with: {sources: [PATH]}",
			strings.Join(s.Kind.Takes, ": NAME, ")))
	}
}

// filler suggests a stage that can fill role, if there is one.
func filler(role string, byName map[string]*Stage) string {
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if byName[name].Kind.Fills == role {
			return fmt.Sprintf(" (did you mean %q?)", name)
		}
	}
	return ""
}

// sort puts the stages in an order in which they can run, as near to the file's
// as may be, and reports a cycle.
func (p *Pipeline) sort(d *document) {
	var order []Stage
	done := map[string]bool{}
	rest := slices.Clone(p.Stages)
	for len(rest) > 0 {
		ready := slices.IndexFunc(rest, func(s Stage) bool {
			for _, name := range s.Needs {
				waits := slices.ContainsFunc(rest, func(o Stage) bool { return o.Name == name })
				if waits && !done[name] {
					return false
				}
			}
			return true
		})
		if ready < 0 {
			d.fault(d.place(rest[0].key), rest[0].key, "waits for itself: "+cycle(rest))
			return
		}
		done[rest[ready].Name] = true
		order = append(order, rest[ready])
		rest = slices.Delete(rest, ready, ready+1)
	}
	p.Stages = order
}

// cycle returns one cycle among stages that all wait, as a → b → a.
func cycle(waiting []Stage) string {
	at := waiting[0]
	path := []string{at.Name}
	for {
		for _, role := range slices.Sorted(maps.Keys(at.Needs)) {
			i := slices.IndexFunc(waiting, func(s Stage) bool { return s.Name == at.Needs[role] })
			if i >= 0 {
				at = waiting[i]
				break
			}
		}
		if i := slices.Index(path, at.Name); i >= 0 {
			return strings.Join(append(path[i:], at.Name), " → ")
		}
		path = append(path, at.Name)
	}
}

func kindNamed(kinds []Kind, name string) (Kind, bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

func kindNames(kinds []Kind) []string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.Name)
	}
	return out
}
