from tests.recipes.networks import input_shapes, network, shape, weights

NAME = "attention-tess-corrected"


def test_time_is_the_axis_of_its_steps():
    model = network(NAME)
    assert input_shapes(model) == {"features": (130, 40, 1), "mask": (130,)}
    assert shape(model, "pool_4") == (9, 3, 64)
    assert shape(model, "steps") == (9, 192)
    assert model.get_layer("lstm").count_params() == 28_800


def test_it_has_the_weights_worked_out_for_it():
    assert weights(network(NAME)) == (142_567, 142_055)
    assert weights(network(NAME, second_lstm=True)) == (150_887, 150_375)
    assert weights(network(NAME, 8, second_lstm=True))[0] == 150_920
