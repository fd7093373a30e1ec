package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// gateway turns REST requests into calls of a gRPC service by the google.api.http rule
// that each method of the service's definition carries, as the vendor's front end does.
type gateway struct {
	conn  *grpc.ClientConn
	rules []rule
}

type rule struct {
	verb   string
	path   *regexp.Regexp
	fields []string // fields of the request, one a group of path
	body   string   // the field that the body is; "*" for the whole request, "" for none
	call   string
	in     protoreflect.MessageType
	out    protoreflect.MessageType
}

func newGateway(conn *grpc.ClientConn, file protoreflect.FileDescriptor) (*gateway, error) {
	g := &gateway{conn: conn}
	for i := range file.Services().Len() {
		service := file.Services().Get(i)
		for j := range service.Methods().Len() {
			method := service.Methods().Get(j)
			main, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
			if main == nil {
				continue // streams have no REST form
			}
			for _, one := range append([]*annotations.HttpRule{main}, main.AdditionalBindings...) {
				r, err := newRule(service, method, one)
				if err != nil {
					return nil, fmt.Errorf("rule of %s: %w", method.FullName(), err)
				}
				g.rules = append(g.rules, r)
			}
		}
	}
	return g, nil
}

var variable = regexp.MustCompile(`\{([a-z_.]+)=([^}]*)\}`)

func newRule(service protoreflect.ServiceDescriptor, method protoreflect.MethodDescriptor, binding *annotations.HttpRule) (rule, error) {
	r := rule{body: binding.Body, call: "/" + string(service.FullName()) + "/" + string(method.Name())}
	var template string
	switch p := binding.Pattern.(type) {
	case *annotations.HttpRule_Get:
		r.verb, template = "GET", p.Get
	case *annotations.HttpRule_Put:
		r.verb, template = "PUT", p.Put
	case *annotations.HttpRule_Post:
		r.verb, template = "POST", p.Post
	case *annotations.HttpRule_Patch:
		r.verb, template = "PATCH", p.Patch
	case *annotations.HttpRule_Delete:
		r.verb, template = "DELETE", p.Delete
	}
	pattern := variable.ReplaceAllStringFunc(template, func(v string) string {
		parts := variable.FindStringSubmatch(v)
		r.fields = append(r.fields, parts[1])
		return "(" + strings.ReplaceAll(parts[2], "*", "[^/:]+") + ")"
	})
	var err error
	if r.path, err = regexp.Compile("^" + pattern + "$"); err != nil {
		return r, err
	}
	if r.in, err = protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName()); err != nil {
		return r, err
	}
	r.out, err = protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	return r, err
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	out, err := g.answer(req)
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if err != nil {
		s := status.Convert(err)
		code, word := httpError(s.Code())
		w.WriteHeader(code)
		out, _ = json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": s.Message(), "status": word}})
	}
	w.Write(out)
}

func (g *gateway) answer(req *http.Request) ([]byte, error) {
	for _, r := range g.rules {
		values := r.path.FindStringSubmatch(req.URL.Path)
		if r.verb != req.Method || values == nil {
			continue
		}
		in, err := r.request(req, values[1:])
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		out := r.out.New().Interface()
		if err := g.conn.Invoke(req.Context(), r.call, in, out); err != nil {
			return nil, err
		}
		return protojson.Marshal(out)
	}
	return nil, status.Errorf(codes.NotFound, "no method is at %s %s", req.Method, req.URL.Path)
}

// request builds the method's message from the body, the query and the path, which
// has the last word.
func (r rule) request(req *http.Request, values []string) (proto.Message, error) {
	in := r.in.New()
	if r.body != "" {
		content, err := io.ReadAll(io.LimitReader(req.Body, 16<<20))
		if err != nil {
			return nil, err
		}
		part := in
		if r.body != "*" {
			part = in.Mutable(in.Descriptor().Fields().ByName(protoreflect.Name(r.body))).Message()
		}
		if len(content) > 0 {
			if err := protojson.Unmarshal(content, part.Interface()); err != nil {
				return nil, err
			}
		}
	}
	for name, value := range req.URL.Query() {
		if field := in.Descriptor().Fields().ByJSONName(name); field != nil {
			text := fmt.Sprintf("{%q:%q}", name, value[0]) // protojson takes numbers as strings too
			if field.Kind() == protoreflect.BoolKind {
				text = fmt.Sprintf("{%q:%s}", name, value[0])
			}
			one := in.New().Interface()
			if err := protojson.Unmarshal([]byte(text), one); err != nil {
				return nil, err
			}
			proto.Merge(in.Interface(), one)
		}
	}
	for i, path := range r.fields {
		if err := set(in, strings.Split(path, "."), values[i]); err != nil {
			return nil, err
		}
	}
	return in.Interface(), nil
}

func set(in protoreflect.Message, path []string, value string) error {
	field := in.Descriptor().Fields().ByName(protoreflect.Name(path[0]))
	switch {
	case field == nil:
		return errors.New("no field is called " + path[0])
	case len(path) > 1:
		return set(in.Mutable(field).Message(), path[1:], value)
	}
	in.Set(field, protoreflect.ValueOfString(value))
	return nil
}
